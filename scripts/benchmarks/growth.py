"""How the cost of a training step grows with the length of sequences, the hidden size and the vocabulary."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.language_model import Size, ours, text_of, theirs
from benchmarks.timing import Pair, pair

MIDDLE = Size(layers=1, hidden=128, embedding=128, vocabulary=1_000, rows=16, steps=64)
SMALL = Size(layers=1, hidden=64, embedding=64, vocabulary=1_000, rows=8, steps=32)  # so that 100,000 words fit
AXES: dict[str, list[tuple[int, Size]]] = {
    "steps of a sequence": [(steps, replace(MIDDLE, steps=steps)) for steps in (16, 32, 64, 128, 256, 512)],
    "hidden size": [(hidden, replace(MIDDLE, hidden=hidden, embedding=hidden)) for hidden in (32, 64, 128, 256, 512)],
    "vocabulary": [(words, replace(SMALL, vocabulary=words)) for words in (100, 1_000, 10_000, 100_000)],
}


def growth() -> list[Pair]:
    """A training step of a language model beside a plain loop's, along each axis."""
    found = []
    for axis, points in AXES.items():
        for value, size in points:
            text = text_of(size, windows=50)
            pairs = ours(size, text), theirs(size, text)
            found.append(pair(f"growth {axis} {value:,}, batch {size.rows} x {size.steps}", *pairs, 6, repeats=9))
    return found


def drawings(pairs: Sequence[Pair]) -> str:
    """A Mermaid chart for each axis: microseconds a token, seqnet's as a line, the plain loop's as bars.

    pairs: as `growth` found them.
    """
    found, rest = "", list(pairs)
    for axis, points in AXES.items():
        here, rest = rest[: len(points)], rest[len(points) :]
        tokens = [size.rows * size.steps for _, size in points]
        chart = [
            "xychart-beta",
            f'    x-axis "{axis}" [{", ".join(f"{value}" for value, _ in points)}]',
            '    y-axis "microseconds a token" 0 --> '
            f"{1.1 * max(max(one.ours, one.theirs) * 1e3 / n for one, n in zip(here, tokens, strict=True)):.1f}",
            f"    bar [{', '.join(f'{one.theirs * 1e3 / n:.1f}' for one, n in zip(here, tokens, strict=True))}]",
            f"    line [{', '.join(f'{one.ours * 1e3 / n:.1f}' for one, n in zip(here, tokens, strict=True))}]",
        ]
        found += "```mermaid\n" + "\n".join(chart) + "\n```\n\n"
    return found
