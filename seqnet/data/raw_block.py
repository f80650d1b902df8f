"""Some rows of a file before they are encoded: raw values, by the field that reads them; and which cannot be used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqnet.data.columns import take
from seqnet.data.fields.field import BadValues, Field
from seqnet.data.fields.raw import ENTRY
from seqnet.data.files import BadRows, shown
from seqnet.data.formats.format import Column
from seqnet.data.formats.opening import Beside

PATH = 200  # characters of a file's name and its folders that an error shows

Problems = dict[int, tuple[str, str]]
"""What is wrong with rows: for each position the field, and why."""


@dataclass(frozen=True)
class RawBlock:
    """Some rows of a file, by the fields that read them."""

    file: Any
    numbers: Sequence[int]
    values: Mapping[str, Sequence[Any]]
    unit: str = "line"  # what the numbers count
    continues: bool = False
    more: Sequence[Sequence[Any]] = ()  # columns that no field reads
    asked_from: Sequence[int] = ()  # of each row, the step from which on something is asked; empty: from the first
    steps: Sequence[Sequence[tuple[Any, int]]] = ()  # of each row that is a sequence of rows, file and number of each
    groups: Sequence[Any] = ()  # and what these rows share, where they share something

    def only(self, kept: Sequence[int]) -> "RawBlock":
        """The rows at some positions."""
        values = {name: take(column, kept) for name, column in self.values.items()}
        goes_on = self.continues and bool(kept) and kept[0] == 0
        asked = take(self.asked_from, kept) if self.asked_from else ()
        more = [take(column, kept) for column in self.more]
        steps, groups = (take(one, kept) if one else () for one in (self.steps, self.groups))
        return replace(
            self,
            numbers=take(self.numbers, kept),
            values=values,
            continues=goes_on,
            asked_from=asked,
            more=more,
            steps=steps,
            groups=groups,
        )

    def sent(self, names: Iterable[str]) -> "RawBlock":
        """What another process needs of some fields: of the file its name alone, which is all that errors tell.

        Beside them stand the places of its rows.
        """
        file: Any = str(self.file)
        if isinstance(self.file, Beside):
            file = Beside(tuple(map(str, self.file.files)), self.file.names)
        places = range(len(self.numbers))
        return replace(self, file=file, values={name: self.values[name] for name in names}, more=(places,))


def observed(fields: Mapping[str, Field], block: RawBlock) -> Problems:
    """Show a block to some fields; what is wrong with its rows."""
    problems: Problems = {}
    for name, one in fields.items():
        try:
            one.observe(block.values[name])
        except BadValues as error:
            problems = {place: (name, reason) for place, reason in error.problems.items()} | problems
    return problems


def refuse(block: RawBlock, problems: Problems, columns: Mapping[str, Column], bad: BadRows) -> None:
    """Count bad rows, or raise DataError for the first: by its field, and of files side by side by its file.

    What is wrong with a step of a sequence of rows is told with the line of that step.
    """
    for place in sorted(problems):
        name, reason = problems[place]
        value, file, at = block.values[name][place], block.file, None
        if block.steps and (found := ENTRY.match(reason)):
            (file, at), reason = block.steps[place][int(found[1]) - 1], reason[found.end() :]
        if isinstance(value, Path):  # beginning with its name, or naming all of it, which is enough
            reason = reason.removeprefix(f"{shown(value.name)} ")
            told = str(value) in reason or str(value) == str(block.file)
            reason = reason if told else f"{shown(str(value), PATH)}: {reason}"
        if isinstance(file, Beside) and columns.get(name) in file.names:
            file = file.files[file.names.index(str(columns[name]))]
        bad(file, block.numbers[place], f"{name}: {reason}", block.unit, at)
