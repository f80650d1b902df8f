"""Explanations as they are told: lines of JSON for programs, coloured words on a terminal, and a picture."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text
from torch import Tensor

from seqnet.batch import Explanation, Strip
from seqnet.commands.lines import writer
from seqnet.commands.questions import Question
from seqnet.commands.read_steps import InputScores, in_digits
from seqnet.commands.samples import readable
from seqnet.data.formats.written import plain
from seqnet.errors import visible
from seqnet.insight.integrated_gradients import Attribution
from seqnet.strict_json import as_line
from seqnet.terminal import enough, say, standard_output

STRONGEST = 5  # steps of numbers that are named on a terminal
BLOCKS = "▁▂▃▄▅▆▇█"
FOR, AGAINST = (33, 150, 83), (214, 69, 65)  # green speaks for an answer, red against it


@dataclass(frozen=True, eq=False)
class Explained:
    """Why one number of an answer is what it is. attention: [heads positions], where the model looks back."""

    question: Question
    prediction: Any
    attribution: Attribution
    baseline: str
    inputs: tuple[InputScores, ...]
    attention: Tensor | None = None
    positions: tuple[str, ...] = ()

    def told(self, number: float) -> float:
        """A number that is explained, in the units in which it is told."""
        return number * self.question.scale + self.question.offset

    def row(self) -> dict[str, Any]:
        """Fit for JSON."""
        found, factor = self.attribution, self.question.scale
        return {
            "prediction": self.prediction,
            "target": self.question.target,
            "step": self.question.step,
            "value": self.told(found.value),
            "baseline_value": self.told(found.baseline_value),
            "sum": found.total * factor,
            "gap": found.gap * abs(factor),
            "points": found.points,
            "baseline": self.baseline,
            "inputs": {one.name: _of_input(one) for one in self.inputs},
            **({} if self.attention is None else {"attention": self._looked()}),
        }

    def _looked(self) -> dict[str, Any]:
        assert self.attention is not None
        return {"positions": list(self.positions), "weights": [in_digits(head) for head in self.attention]}


def _of_input(one: InputScores) -> dict[str, Any]:
    told: dict[str, Any] = {
        "steps": list(range(1, len(one.scores) + 1)) if one.words is None else list(one.words),
        "scores": in_digits(one.scores),
    }
    if one.letters:
        told["letters"] = [
            {"letters": [letter for letter, _ in step], "scores": [float(f"{score:.6g}") for _, score in step]}
            for step in one.letters
        ]
    if one.columns:
        told["columns"] = {name: in_digits(scores) for name, scores in one.columns}
    return told


@contextmanager
def telling(output: str | None, words: bool) -> Iterator[Callable[[int, Explained | str], None]]:
    """A function that tells what is found of a row: as lines of JSON, to a file or standard output, or in words.

    What is found is an explanation, or the sentence that says why there is none.
    """
    if words:
        yield lambda row, one: say(f"{row}: {one}\n") if isinstance(one, str) else show(row, one)
        return
    with writer(output) as write:

        def tell(row: int, one: Explained | str) -> None:
            write(as_line(plain({"row": row, **({"error": one} if isinstance(one, str) else one.row())})))

        yield tell


def show(row: int, one: Explained) -> None:
    """An explanation for a person: what was read, greener the more it speaks for the answer, redder against it."""
    out = standard_output(enough)
    screen = Console(file=out, highlight=False, soft_wrap=True, force_terminal=out.isatty())
    grey = screen.no_color or screen.color_system is None
    found, step = one.attribution, one.question.step
    where = "" if step is None else f", step {step}"
    say(
        f"{row}{where}: '{one.question.target}' is at {one.told(found.value):.4g}, and where nothing is read at "
        f"{one.told(found.baseline_value):.4g}; answered: {readable(one.prediction)}"
    )
    most = max((float(each.scores.abs().max()) for each in one.inputs if len(each.scores)), default=0.0)
    for each in one.inputs:
        text = Text(f"  {visible(each.name)}: ", style="bold")
        text.append_text(_numbers(each, most) if each.words is None else _words(each.words, each.scores, most, grey))
        screen.print(text)
    if one.attention is not None:
        mean = one.attention.mean(0)
        text = Text("  looked at: ", style="bold")
        text.append_text(_words(one.positions, mean, max(float(mean.max()), 1e-9), grey, (66, 133, 214)))
        screen.print(text)
    say("")


def _words(
    words: Sequence[str], scores: Tensor, most: float, grey: bool, shade: tuple[int, int, int] | None = None
) -> Text:
    """Words on grounds of their colours, or where there is none with their scores. most: what has the full colour."""
    text = Text()
    joint = "" if " " in words and not grey else " "
    for place, (word, score) in enumerate(zip(words, scores.tolist(), strict=True)):
        colour = mixed(score, most, shade)
        text.append(joint if place else "", style="not bold")
        if grey:
            text.append(f"{visible(word)} ({score:+.2g})", style="not bold")
            continue
        dark = "black" if sum(colour) > 380 else "white"
        text.append(visible(word), style=f"not bold {dark} on rgb({colour[0]},{colour[1]},{colour[2]})")
    return text


def _numbers(one: InputScores, most: float) -> Text:
    """A column for each step, the higher the more it counts, and the steps that count most."""
    text = Text()
    for score in one.scores.tolist():
        height = min(len(BLOCKS) - 1, round(abs(score) / (most or 1) * (len(BLOCKS) - 1)))
        red, green, blue = FOR if score >= 0 else AGAINST
        text.append(BLOCKS[height], style=f"not bold rgb({red},{green},{blue})")
    strongest = one.scores.abs().argsort(descending=True)[:STRONGEST].tolist()
    named = ", ".join(f"{place + 1} ({float(one.scores[place]):+.3g})" for place in strongest)
    text.append(f"\n    of {len(one.scores)} steps the strongest: {named}", style="not bold")
    return text


def mixed(score: float, most: float, shade: tuple[int, int, int] | None = None) -> tuple[int, int, int]:
    """White for 0, and up to the full colour for `most`."""
    full = shade or (FOR if score >= 0 else AGAINST)
    share = min(1.0, abs(score) / most) if most else 0.0
    red, green, blue = (round(255 + (part - 255) * share) for part in full)
    return red, green, blue


def pictured(one: Explained) -> Explanation:
    """What there is to see of it."""
    step = "" if one.question.step is None else f"step {one.question.step}: "
    found = one.attribution
    about = f"{step}{one.told(found.value):.4g}, where nothing is read {one.told(found.baseline_value):.4g}"
    strips = [Strip(each.name, each.words, each.scores, each.values, each.map) for each in one.inputs]
    if one.attention is not None:
        strips.append(Strip("looked at", list(one.positions), one.attention.mean(0), signed=False))
    return Explanation(one.question.target, about, strips)
