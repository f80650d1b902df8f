"""Answers as words: for each input a line that a person reads, as `predict` shows it on a terminal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from seqnet.commands.entities import entities, words_of
from seqnet.data.read import Read
from seqnet.errors import visible
from seqnet.terminal import enough, standard_output

Row = Mapping[str, Any]
NOTHING, EMPTY = "-", "(empty)"
ANSWER = ("prediction", "error", "probabilities", "n_best", "spans")  # which is shown in other ways
LEAST = 20  # columns that what was read has at least
MANY, FEW = 12, 6  # numbers of a list, and of one that bounds another


def screen(gone: Callable[[], None] = enough) -> Console:
    """Standard output, for words in a line each; plain, and as wide as they are, where it is no terminal."""
    out = standard_output(gone)
    terminal = out.isatty()
    return Console(file=out, force_terminal=None if terminal else False, markup=False, emoji=False, highlight=False)


@dataclass
class Words:
    """Shows answers, each in a line: what was read, the answer, and how likely it is where that is known.

    by_step: an answer is a list with an entry for each step. tags: these are BIO tags. likely: scores are
    probabilities. verbose: whatever else is told of an answer stands behind it.
    """

    screen: Console
    by_step: bool
    tags: bool
    likely: bool
    verbose: bool = False

    def __call__(self, rows: Sequence[tuple[Read, Row]]) -> None:
        """Show the answer to each row that was read. Raises NobodyReads."""
        for read, answer in rows:
            self.screen.print(self.line(read, answer), soft_wrap=True)

    def line(self, read: Read, answer: Row) -> Text:
        """What is shown of an answer."""
        prediction, words = answer["prediction"], words_of(read)[0] if _is_text(read.first) else []
        if self.by_step and isinstance(prediction, list) and prediction and len(words) == len(prediction):
            return self._tagged(read, words, prediction, answer)
        found = Text(visible(answer["error"] if "error" in answer else said(prediction)), style="bold")
        behind = self._behind(answer)
        told = told_read(read)
        if self.screen.is_terminal:
            room = max(self.screen.width - found.cell_len - cell_len(behind) - 4, LEAST)
            told = shorter(told, room, at_end=not isinstance(read.first, Path | list))
        return Text.assemble((told or EMPTY, "" if told else "dim"), (" -> ", "dim"), found, (behind, "dim"))

    def _tagged(self, read: Read, words: Sequence[str], tags: Sequence[Any], answer: Row) -> Text:
        """The words with their tags: of BIO tags the entities in brackets, else each behind its word."""
        found = Text()
        if self.tags:
            place = 0
            for one in entities(list(map(str, tags)), words, None):
                found.append(_joined(words[place : one["begin"]], found))
                found.append(f"{' ' * bool(found)}[", "dim").append(visible(one["text"]), "bold")
                found.append(f" {visible(one['type'])}", "bold cyan").append("]", "dim")
                place = one["end"]
            found.append(_joined(words[place:], found))
        else:
            for word, tag in zip(words, tags, strict=True):
                found.append(_joined([word], found)).append("/", "dim").append(visible(said(tag)), "bold cyan")
        return found.append(self._behind(answer), "dim")

    def _behind(self, answer: Row) -> str:
        """How likely the answer is; of one whose probability says nothing to a person, nothing."""
        score, told = answer.get("score"), ""
        if self.likely and isinstance(score, float) and score == score:
            told = f"  {_percent(score)}"
        if isinstance(answer.get("probabilities"), Mapping):
            told += "".join(f"  {visible(name)} {_percent(share)}" for name, share in answer["probabilities"].items())
        if "n_best" in answer:
            told += "".join(f"  or {visible(said(one['prediction']))}" for one in answer["n_best"][1:])
        if self.verbose:
            others = {key: each for key, each in answer.items() if key not in ANSWER}
            told += "".join(f"  {key}: {visible(said(each))}" for key, each in others.items())
        return told


def _is_text(first: Any) -> bool:
    """Whether what was read is a text, or words in a list."""
    return isinstance(first, str) or (isinstance(first, list) and all(isinstance(one, str) for one in first))


def _percent(share: float) -> str:
    """A probability: never 100 % where it is not 1."""
    shown = f"{share:.0%}" if 0.01 <= share < 0.995 or share in (0.0, 1.0) else f"{share:.1%}"
    return {"100.0%": ">99.9%", "0.0%": "<0.1%"}.get(shown, shown)


def _joined(words: Sequence[str], before: Text) -> str:
    return visible("".join(f" {word}" for word in words)).removeprefix("" if before else " ")


def told_read(read: Read) -> str:
    """What was read, as it stood: the first input; where it is not known, the values by name."""
    first = read.values.get(next(iter(read.values), ""), "") if len(read.values) == 1 else read.first
    if first is None and read.values:
        return visible(" ".join(f"{name}={said(value)}" for name, value in read.values.items() if value is not None))
    return visible(said(first) if first is not None else "")


def shorter(text: str, room: int, at_end: bool = True) -> str:
    """The text in so many columns of a terminal, its end, or else its beginning, left out where it is longer."""
    if cell_len(text) <= room:
        return text
    if at_end:
        return set_cell_size(text, room - 3).rstrip() + "..."
    return "..." + set_cell_size(text[::-1], room - 3)[::-1].lstrip()


def said(value: Any, most: int = MANY) -> str:
    """A value in few characters: of a long list of numbers the ends, lists within it by `+`, nothing as `-`."""
    if value is None or value != value:
        return NOTHING
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return _by_name(value)
    if not isinstance(value, list | tuple):
        return str(value) or EMPTY
    if _is_grid(value):
        return f"{len(value)} x {len(value[0])} numbers"
    items = [said(one).replace(" ", "+") if isinstance(one, list | tuple) else said(one) for one in value]
    if len(items) > most and not any(isinstance(one, str) for one in value):
        items = [*items[: most // 2], "...", *items[-(most // 2) :]]
    return ("; " if any(isinstance(one, Mapping) for one in value) else " ").join(items) or NOTHING


def _is_grid(value: Sequence[Any]) -> bool:
    """Whether these are more numbers than are told, in rows of like length."""
    rows = [row for row in value if isinstance(row, list | tuple)]
    if len(rows) != len(value) or not rows or len({len(row) for row in rows}) > 1 or len(rows) * len(rows[0]) <= MANY:
        return False
    return all(isinstance(one, int | float) for row in rows for one in row)


def number(value: float) -> str:
    """A number to four digits, but all of those before the point."""
    return f"{value:.4g}" if abs(value) < 1000 or abs(value) >= 1e9 else f"{value:.0f}"


def _by_name(values: Mapping[str, Any]) -> str:
    """Values by name; of a distribution the middle, with what lies about it."""
    middle = next((name for name in ("mean", "0.5") if name in values), None)
    others = [f"{name} {said(each, FEW)}" for name, each in values.items() if name != middle]
    if middle is None:
        return ", ".join(others)
    return f"{said(values[middle])} ({', '.join(others)})" if others else said(values[middle])
