"""Answers as they are written: lines of JSON, or a file of any format that is written, beside what was read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from seqnet import build, trust
from seqnet.commands.lines import replacing, to_standard_output
from seqnet.data.dataset import Dataset
from seqnet.data.formats.format import Format, Writer
from seqnet.data.formats.jsonl import Jsonl
from seqnet.data.formats.names import ending, is_compressed
from seqnet.data.formats.written import COMPRESSED, plain
from seqnet.data.read import Read
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.strict_json import as_line

Row = Mapping[str, Any]
MOMENTS = ("mean", "deviation")  # of a number that is distributed
OF_STEPS = ("prediction", "score", "probabilities")  # of an answer at every step these are lists
Tell = Callable[[Sequence[tuple[Read, Row]]], None]
"""Takes what was read of some rows, and the answer to each."""


def writers(own: Format | None) -> dict[str, Format]:
    """The formats that are written, by the endings of their files. own: that of a run, which comes first."""
    found: dict[str, Format] = {}
    for format in ([] if own is None else [own]) + _shipped():
        if type(format).writer is not Format.writer:
            for one in format.endings:
                found.setdefault(one, format)
    return found


def _shipped() -> list[Format]:
    """Each of seqnet's own formats, with its defaults."""
    return [build.make(yaml.safe_load(path.read_text())) for path in trust.shipped("data/format").values()]


def format_of(output: str | None, source: Any, read: str | None) -> Format | None:
    """The format that the name of a file to be written says; None for lines of JSON, which have no name.

    read: the file that is read, which is never written. Raises ConfigurationError.
    """
    if output is None:
        return None
    path = Path(output)
    if read is not None and path.exists() and path.is_file():
        inside = Path(read).is_dir() and path.resolve().is_relative_to(Path(read).resolve())
        if inside or (Path(read).exists() and path.samefile(read)):
            raise ConfigurationError(f"output={output} is what is read; name another file, so that it stays as it is")
    if not path.suffix:
        return Jsonl()
    known = writers(source.format if isinstance(source, Dataset) else None)
    found = known.get(ending(path))
    if found is None:
        hint = "" if any(ending(path) in format.endings for format in _shipped()) else did_you_mean(path.suffix, known)
        raise ConfigurationError(
            f"output={output}: no format writes {path.suffix}{hint}; choose one of {', '.join(known)}"
        )
    if is_compressed(path) and (found.local or path.suffix.lower() not in COMPRESSED):
        raise ConfigurationError(
            f"output={output} cannot be written: only text is compressed, as {' or '.join(COMPRESSED)}; leave "
            f"{path.suffix} out"
        )
    return found


@contextmanager
def told(output: str | None, answers: "Answers", words: Tell | None = None) -> Iterator[Tell]:
    """A function that writes answers, to standard output or to the file `output`, whole or not at all.

    words: shows them to a person instead. Raises ConfigurationError for a file that cannot be made and DiskError for a
    disk that is full.
    """
    if words is not None:
        yield words
        return
    if output is None:
        say = to_standard_output()

        def tell(rows: Sequence[tuple[Read, Row]]) -> None:
            for read, answer in rows:
                say(as_line(plain(beside(answers.said(read), answer))))

        yield tell
        return
    with replacing(output) as path, ExitStack() as stack:
        answers.open = lambda names: stack.enter_context(answers.format.writer(path, names))
        yield answers
        answers.end()


def beside(values: Row, answer: Row) -> dict[str, Any]:
    """An answer and what was read; where both have a key, what was read is called `input_KEY`."""
    found = dict(answer)
    for name, value in values.items():
        fresh = name
        while fresh in found:
            fresh = f"input_{fresh}"
        found[fresh] = value
    return found


@dataclass
class Answers:
    """Answers as rows of a format.

    names: of the columns that are read, None where only the rows say. target: what the column of answers is called.
    by_step: an answer is a list with an entry for each step. ahead: it is what follows, a list of so many steps.
    with_errors: rows that cannot be answered say why. n_best: how many answers a row may have.
    """

    format: Format
    names: tuple[str, ...] | None
    target: str
    by_step: bool
    ahead: bool
    with_errors: bool
    n_best: int = 1
    open: Callable[[Sequence[str]], Writer] = field(init=False)
    _held: list[tuple[Row, Row]] = field(default_factory=list, init=False)
    _write: Writer | None = field(default=None, init=False)
    _called: dict[str, str] = field(default_factory=dict, init=False)

    def __call__(self, rows: Sequence[tuple[Read, Row]]) -> None:
        """Write the rows that each answer makes."""
        if self.format.written != "cells" or not self.by_step or not any(read.rows for read, _ in rows):
            for read, answer in rows:
                self._add(self.said(read), self._columns(answer))
            return
        found = []
        for read, answer in rows:  # rows of a table that are one sequence have an answer each, where they stand
            # One that could not be read is in no sequence.
            for step, (place, values) in enumerate(read.rows or [(read.number, read.values)]):
                found.append((place, values, self._columns(_at(answer, step))))
        for _, values, columns in sorted(found, key=lambda row: row[0]):
            self._add(values, columns)

    def said(self, read: Read) -> Row:
        """What was read; of rows that make a sequence with one answer the one behind which it stands."""
        return read.rows[read.behind][1] if read.rows and not self.by_step else read.values

    def _columns(self, answer: Row) -> dict[str, Any]:
        """What is told of an answer, by columns."""
        if self.format.written == "objects":
            return dict(answer)
        prediction = answer["prediction"]
        if self.format.written != "cells":
            return {self.target: prediction}
        found = self._numbers(self.target, prediction)
        if answer.get("score") is not None:
            found["score"] = _shorter(answer["score"])
        others = answer.get("n_best", [])[1:]
        for place in range(2, self.n_best + 1):  # where there are fewer, too: the first row makes the columns
            other = others[place - 2] if place - 2 < len(others) else {}
            found |= {f"{self.target}_{place}": other.get("prediction"), f"score_{place}": _shorter(other.get("score"))}
        for name in ("probabilities", "spans"):
            told = answer.get(name)
            if isinstance(told, dict):
                found |= {f"probability_{one}": value for one, value in told.items()}
            elif name in answer:
                found[name] = told
        return found | ({"error": answer.get("error")} if self.with_errors else {})

    def _numbers(self, name: str, value: Any) -> dict[str, Any]:
        """A prediction by columns: numbers by their names, those ahead by their steps, quantiles by their shares."""
        if isinstance(value, list) and self.ahead:
            return {f"{name}+{step}": each for step, each in enumerate(value, 1)}
        if not isinstance(value, dict):
            return {name: value}
        found: dict[str, Any] = {}
        for key, each in value.items():  # more than one answer of a number, such as its quantiles, is named after it
            of = f"{name}_{key}" if isinstance(each, list | dict) or key in MOMENTS or _is_share(key) else key
            inner = self._numbers(of, each)
            found |= {f"{one}_{key}": number for one, number in inner.items()} if isinstance(each, dict) else inner
        return found

    def _add(self, values: Row, answer: Row) -> None:
        """Write a row, or hold it until there is an answer that says which columns there are."""
        if self.format.written == "objects":
            if self._write is None:
                self._write = self.open(())
            self._write(beside(values, answer))
            return
        self._held.append((values, answer))
        if self._write is None:
            if all(value is None for name, value in answer.items() if name != "error"):
                return
            self._begin()
        self._flush()

    def _begin(self) -> None:
        """Open the file, with the columns of the row that was added last."""
        values, answer = self._held[-1] if self._held else ({}, {self.target: None})
        names = list(values if self.names is None else self.names)
        others = {f"{self.target}_{place}" for place in range(2, self.n_best + 1)}
        for name in answer:
            # Further answers are called after the first one.
            fresh = f"predicted_{name}" if name in others and self.target in names else name
            while fresh in (*names, *self._called.values()):
                fresh = f"predicted_{fresh}"
            self._called[name] = fresh
        self._write = self.open([*names, *self._called.values()])

    def _flush(self) -> None:
        assert self._write is not None
        for values, answer in self._held:
            row = {self._called[name]: value for name, value in answer.items() if name in self._called}
            self._write({**self._words(values, answer), **row})
        self._held.clear()

    def _words(self, values: Row, answer: Row) -> Row:
        """What was read; a text as its words, where each is to have a line with its answer."""
        steps = answer.get(self.target)
        if self.format.written != "steps" or not isinstance(steps, list):
            return values
        return {
            name: value.split() if isinstance(value, str) and len(value.split()) == len(steps) else value
            for name, value in values.items()
        }

    def end(self) -> None:
        """Write what is held, of a file without any answer."""
        if self._write is None:
            if self.format.written == "objects":
                self._write = self.open(())
            else:
                self._begin()
                self._flush()


def _is_share(name: str) -> bool:
    """Whether a name is a quantile's share, as 0.1."""
    return name.startswith("0.") and name[2:].isdecimal()


def _shorter(value: Any) -> Any:
    """Probabilities with six digits."""
    return list(map(_shorter, value)) if isinstance(value, list) else float(f"{value:.6g}") if value else value


def _at(answer: Row, step: int) -> dict[str, Any]:
    """What an answer says of a step; what it says of all stands at the first."""
    parts = {name: value[step] for name, value in answer.items() if name in OF_STEPS and isinstance(value, list)}
    whole = {name: value if step == 0 or name == "error" else None for name, value in answer.items()}
    return whole | parts
