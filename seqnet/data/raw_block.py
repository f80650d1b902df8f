"""Some rows of a file before they are encoded: raw values, by the field that reads them; and which cannot be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqnet.data.columns import take
from seqnet.data.fields.field import BadValues, Field
from seqnet.data.files import BadRows, shown
from seqnet.data.formats.format import Column
from seqnet.data.formats.opening import Beside

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

    def only(self, kept: Sequence[int]) -> "RawBlock":
        """The rows at some positions."""
        values = {name: take(column, kept) for name, column in self.values.items()}
        goes_on = self.continues and bool(kept) and kept[0] == 0
        asked = take(self.asked_from, kept) if self.asked_from else ()
        more = [take(column, kept) for column in self.more]
        numbers = take(self.numbers, kept)
        return replace(self, numbers=numbers, values=values, continues=goes_on, asked_from=asked, more=more)


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
    """Count bad rows, or raise DataError for the first: by its field, and of files side by side by its file."""
    for place in sorted(problems):
        name, reason = problems[place]
        value = block.values[name][place]
        if isinstance(value, Path) and value.name not in reason:
            reason = f"{shown(value.name)}: {reason}"
        file = block.file
        if isinstance(file, Beside) and columns.get(name) in file.names:
            file = file.files[file.names.index(str(columns[name]))]
        bad(file, block.numbers[place], f"{name}: {reason}", block.unit)
