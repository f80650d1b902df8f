"""Rows that are made up of what fields are, in the place of files that are not there."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqnet import build
from seqnet.data.fields.field import Field
from seqnet.data.formats.generated import Drawn
from seqnet.errors import DataError
from seqnet.kinds import Axis, Item, Kind

Make = Callable[[np.random.Generator, int], Any]
"""A value of a row of so many steps, as a file may hold it."""

WORDS = "the a cat dog bird sees hears likes small old green house tree and under over".split()
NAMES = ("one", "two", "three")
SIDES = (6, 5)
COLOURS = 3
RATE = 8000  # samples of a second of sound
NOTES = (60, 64, 67, 72)
SHORTEST, LONGEST = 8, 14  # steps of a row
TRIED = 6


def words(random: np.random.Generator, steps: int) -> list[str]:
    """Words, one a step."""
    return [str(word) for word in random.choice(WORDS, steps)]


def names(random: np.random.Generator, steps: int) -> list[str]:
    """Classes, one a step."""
    return [str(name) for name in random.choice(NAMES, steps)]


def date(random: np.random.Generator) -> str:
    """A moment."""
    month, day, hour = random.integers(1, 13), random.integers(1, 29), random.integers(24)
    return f"2024-{month:02d}-{day:02d} {hour:02d}:00"


def tree(random: np.random.Generator, steps: int) -> str:
    """A bracketed sentence."""
    parts = " ".join(
        f"(NP (DT {one}) (NN {other}))" for one, other in zip(words(random, 2), words(random, 2), strict=True)
    )
    return f"(S {parts} (VP (VB {words(random, 1)[0]})))"


def some(random: np.random.Generator, of: Sequence[Any]) -> list[Any]:
    """One of them or more."""
    return [of[place] for place in sorted(random.permutation(len(of))[: random.integers(1, len(of))].tolist())]


def numbers(*shape: int) -> Make:
    """Numbers of a shape; -1 = as many as there are steps."""
    return lambda random, steps: random.normal(size=[steps if size < 0 else size for size in shape]).tolist()


def shades(*shape: int) -> Make:
    """Shades of grey, or of colours, of a shape; -1 = as many as there are steps."""
    return lambda random, steps: random.random([steps if size < 0 else size for size in shape]).astype(np.float32)


def sound(random: np.random.Generator, steps: int) -> dict[str, Any]:
    """A recording, a tenth of a second a step."""
    samples = random.normal(size=steps * RATE // 10).astype(np.float32) / 4
    return {"array": samples, "sampling_rate": RATE}


MADE: dict[tuple[Item, Axis], list[Make]] = {
    (Item.TOKEN, Axis.SEQUENCE): [lambda random, steps: " ".join(words(random, steps)), words, tree],
    (Item.TOKEN, Axis.STEP): [
        words,
        lambda random, steps: "".join(random.choice(list("ACGT"), steps)),
        lambda random, steps: [" ".join(words(random, 3)) for _ in range(steps)],
    ],
    (Item.LABEL, Axis.ROW): [lambda random, steps: names(random, 1)[0], lambda random, steps: date(random)],
    (Item.LABEL, Axis.STEP): [
        lambda random, steps: [("O", "B-x", "B-y")[number] for number in random.integers(0, 3, steps)],
        names,
        lambda random, steps: [date(random) for _ in range(steps)],
    ],
    (Item.LABELS, Axis.ROW): [lambda random, steps: some(random, NAMES)],
    (Item.LABELS, Axis.STEP): [
        lambda random, steps: [some(random, NOTES) for _ in range(steps)],
        lambda random, steps: [some(random, NAMES) for _ in range(steps)],
    ],
    (Item.NUMBER, Axis.ROW): [
        lambda random, steps: date(random),
        lambda random, steps: abs(float(random.normal())) + 0.1,
        numbers(4),
    ],
    (Item.NUMBER, Axis.STEP): [numbers(-1), numbers(-1, 2), lambda random, steps: [date(random) for _ in range(steps)]],
    (Item.NUMBER, Axis.SEQUENCE): [sound, numbers(-1), numbers(-1, 2)],
    (Item.PIXEL, Axis.GRID): [shades(*SIDES), shades(*SIDES, COLOURS)],
    (Item.PIXEL, Axis.SEQUENCE): [shades(-1, *SIDES), shades(-1, *SIDES, COLOURS)],
}
"""Values by the kind of a field, which takes the first of them that it can read."""


class MadeUp(Drawn):
    """Rows of columns called as the fields that read them. fields: as the configuration describes them, by name.

    more: so many steps more than is usual, behind which nothing is asked. Raises DataError for a field that reads
    nothing of what can be made up.
    """

    names: tuple[str, ...]  # type: ignore[misc]

    def __init__(
        self,
        seed: int,
        fields: Mapping[str, Any],
        widths: Mapping[str, int],
        more: int = 0,
        train_size: int = 40,
        valid_size: int = 8,
        test_size: int = 8,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.names = tuple(fields)
        self.more = more
        self._makes = {name: _make_for(name, build.make(one), widths.get(name)) for name, one in fields.items()}

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """So many rows."""
        return self._rows(rows, random)

    def _rows(self, rows: int, random: np.random.Generator) -> Iterator[Sequence[Any]]:
        for _ in range(rows):
            steps = int(random.integers(SHORTEST, LONGEST + 1)) + self.more
            yield [make(random, steps) for make in self._makes.values()]


def _make_for(name: str, one: Field, width: int | None) -> Make:
    """The first way of making a value that a field reads. Raises DataError."""
    kind = one.kind
    ways = list(MADE.get((kind.item, kind.axis), ()))
    if width is not None and kind.item is Item.NUMBER:
        ways.insert(0, numbers(width) if kind.axis is Axis.ROW else numbers(-1, width))
    for make in ways:
        if _reads(one, make):
            return make
    raise DataError(_unread(name, kind))


def _reads(one: Field, make: Make) -> bool:
    random, trial = np.random.default_rng(0), copy.deepcopy(one)
    values = [make(random, SHORTEST) for _ in range(TRIED)]
    try:
        trial.observe(values)
        trial.learned()
        return len(trial.encode(values).lengths) == len(values)
    except Exception:  # whatever a field says to what it cannot read
        return False


def _unread(name: str, kind: Kind) -> str:
    return (
        f"nothing that is made up for data.fields.{name} ({kind}) is a value that it reads: name a file with data.path="
    )


def in_place_of_files(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a table with rows that are made up, one a sequence, of columns called as their fields."""
    data = dict(config["data"])
    fields = {name: dict(one) for name, one in data["fields"].items()}
    columns = {name: one.pop("column", None) for name, one in fields.items()}
    used = dict.fromkeys([*data["inputs"], data["target"]])
    made = {
        "_target_": f"{MadeUp.__module__}.{MadeUp.__name__}",
        "fields": {name: fields[name] for name in used},
        "widths": {name: len(column) for name, column in columns.items() if isinstance(column, list)},
        "more": (data.get("horizon") or 0) + (data.get("lags") or 0),
    }
    nothing = dict.fromkeys(("path", "name", "split_column", "split_values"))
    rows = dict.fromkeys(data.get("rows") or {})
    return {**config, "data": {**data, **nothing, "rows": rows, "fields": fields, "generated": made}}
