"""What is read where answers are asked for, kept as it stood so that it is repeated beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqnet.data.examples import Examples
from seqnet.data.formats.columns import RANGE, position
from seqnet.data.formats.find import Part
from seqnet.data.formats.format import Column, Format


@dataclass(frozen=True)
class Read:
    """What stood where one answer is asked for.

    number: its line or row. values: by the names of the columns, of a sequence of rows lists of them. first: what the
    first input was made of. rows: of a sequence of rows the line or row of each, and its values. behind: which of
    them an answer to all stands behind, the last of which a forecast's target is known.
    """

    number: int
    values: Mapping[str, Any]
    first: Any = None
    rows: Sequence[tuple[int, Mapping[str, Any]]] = ()
    behind: int = -1


@dataclass(frozen=True)
class ReadBlock:
    """Some rows of a file: the examples of those that can be answered, None where none can, their numbers, and all as
    read.
    """

    file: Any
    examples: Examples | None
    answered: Sequence[int]
    read: Sequence[Read]


@dataclass(frozen=True)
class ReadFile:
    """The rows of a file, or of a folder's split. names: of its columns; format: in which the same is written."""

    names: tuple[str, ...]
    format: Format
    blocks: Iterator[ReadBlock]


def name_of(column: Column, field: str) -> str:
    """What a field's column is called: by its name, or as the field where it is a position or several columns."""
    named = isinstance(column, str) and position(column) is None and RANGE not in column
    return str(column) if named else field


def called(names: Sequence[str], columns: Mapping[str, Column]) -> tuple[str, ...]:
    """The names of columns, each once: those that are but positions are called as the field that reads them."""
    found = list(names)
    if found == list(map(str, range(len(found)))):
        for field, column in columns.items():
            at = position(column) if isinstance(column, str | int) else None
            if at is not None and -len(found) <= at < len(found) and found[at] == names[at] and field not in found:
                found[at] = field
    return tuple(
        name if name not in found[:at] else f"{name}.{found[:at].count(name)}" for at, name in enumerate(found)
    )


def everything(parts: Sequence[Part], columns: Sequence[Column]) -> tuple[tuple[str, ...], Column]:
    """What the columns are called that all of some files have, and all of them as one value. Raises DataError."""
    names, all_ = parts[0].format.everything(parts[0].file, columns)
    others = [part.format.everything(part.file, columns)[0] for part in parts[1:]]
    if any(other != names for other in others):
        names = tuple(name for name in names if all(name in other for other in others))
        all_ = list(names)
    return names, all_


def rows_of(names: Sequence[str], values: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Rows of values by name."""
    return [dict(zip(names, row, strict=True)) for row in values]


def sequence_of(names: Sequence[str], rows: Sequence[tuple[int, Mapping[str, Any]]], same: Sequence[str]) -> Any:
    """The values of a sequence of rows: lists, but of columns that are the `same` in all of them."""
    return {name: rows[0][1][name] if name in same else [row[name] for _, row in rows] for name in names}
