"""Which columns are meant: by name, by position, or several of them as one value that is a list."""

from collections.abc import Callable, Sequence
from typing import Any

from seqnet.data.files import counted, shown
from seqnet.errors import DataError, did_you_mean

Column = str | int | Sequence[str | int]
"""A column by its name, or by its position (0 is the first, -1 the last); `t0..t139` or a list of columns is one value
that is a list."""

KEY = "data.fields.NAME.column="
RANGE = ".."
Index = int | tuple[int, ...]
"""Where a column stands; several are one value that is a list."""


def resolve(columns: Sequence[Column], names: Sequence[str] | None, width: int, where: str) -> list[Index]:
    """Where the columns stand among `width`. names: of all of them; None where they have none.

    Text that is a whole number is the column of that name where there is one, else a position. Raises DataError for a
    column that is not there, with the nearest name, for one whose name is there twice, and for one that is meant both
    by its place from the beginning and from the end, as the last of one column is.
    """
    found = [_index(column, names, width, where) for column in columns]
    placed = {
        position(column): index
        for column, index in zip(columns, found, strict=True)
        if isinstance(column, str | int) and column not in (names or ())
    }
    for last in [each for each in placed if each is not None and each < 0]:
        if placed[last] in placed:
            raise DataError(
                f"{where}: columns {placed[last]} and {last} are the same one, since there "
                f"{'is' if width == 1 else 'are'} {width}; name another with {KEY}"
            )
    return found


def _index(column: Column, names: Sequence[str] | None, width: int, where: str) -> Index:
    if isinstance(column, str | int):
        if isinstance(column, str) and RANGE in column and column not in (names or ()):
            first, _, last = column.partition(RANGE)
            begin, end = _one(first, names, width, where), _one(last, names, width, where)
            if begin > end:
                raise DataError(f"{where}: column '{shown(first)}' stands behind '{shown(last)}'; turn {KEY} round")
            return tuple(range(begin, end + 1))
        return _one(column, names, width, where)
    found: list[int] = []
    for each in column:
        index = _index(each, names, width, where)
        found += [index] if isinstance(index, int) else index
    return tuple(found)


def _one(column: str | int, names: Sequence[str] | None, width: int, where: str) -> int:
    if isinstance(column, str) and names is not None and column in names:
        if list(names).count(column) > 1:
            raise DataError(f"{where}: the header has the column '{shown(column)}' twice; rename one of them")
        return list(names).index(column)
    at = position(column)
    if at is None:
        assert isinstance(column, str)
        if names is None:
            raise DataError(
                f"{where}: no column '{shown(column)}', since columns have no names here; give a position with {KEY} "
                "(0 is the first, -1 the last)"
            )
        hint = shown(did_you_mean(column, names), 200) or ";"
        raise DataError(
            f"{where}: no column '{shown(column)}' in the header, which has {shown(', '.join(names), 200)}{hint} "
            f"name the right one with {KEY} (or its position, 0 for the first, where there is no header)"
        )
    if not -width <= at < width:
        raise DataError(
            f"{where}: no column {at}, since there {'is' if width == 1 else 'are'} {width}, counted from 0; name the "
            f"right one with {KEY}"
        )
    return at % width


def position(column: Any) -> int | None:
    """The position that a column is, written as a number or as text; None for a name."""
    if isinstance(column, int):
        return column
    digits = column.removeprefix("-")
    return int(column) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else None


def by_position(columns: Sequence[Column], names: Sequence[str] = ()) -> bool:
    """Whether all columns are positions. names: of columns that there may be.

    Whole numbers as text are names where all of them are there and they can be nothing else, as 2020 of two columns, or
    where the names count from 0: of a table without a header they may stand in its first row, as its label.
    """
    texts = _texts(columns, names)
    if any(position(text) is None for text in texts):
        return False
    counted = len(names) > 2 and list(names) == list(map(str, range(len(names))))
    named = all(text in names for text in texts) and (counted or any(int(text) >= len(names) for text in texts))
    return not (texts and named)


def _texts(columns: Sequence[Column], names: Sequence[str]) -> list[str]:
    """The texts by which columns are meant, of ranges both ends."""
    return [one for one in parts_of(columns, names) if isinstance(one, str)]


def parts_of(columns: Sequence[Column], names: Sequence[str] = ()) -> list[str | int]:
    """The names and positions that stand in the columns, of ranges both ends. names: of columns that there may be."""
    found = list[str | int]()
    for column in columns:
        if isinstance(column, str):
            found += column.split(RANGE, 1) if RANGE in column and column not in names else [column]
        else:
            found += [column] if isinstance(column, int) else parts_of(column, names)
    return found


def names_in(columns: Sequence[Column]) -> list[str]:
    """The names that stand in the columns, without ranges and positions."""
    found = []
    for column in columns:
        if isinstance(column, str):
            found += [column] if RANGE not in column and position(column) is None else []
        elif not isinstance(column, int):
            found += names_in(column)
    return found


def pick(rows: Sequence[Sequence[Any]], wanted: Sequence[Index]) -> list[list[Any]]:
    """The chosen columns of some rows."""
    return [
        [row[index] for row in rows] if isinstance(index, int) else [[row[each] for each in index] for row in rows]
        for index in wanted
    ]


def of_row(row: Sequence[Any], wanted: Sequence[Index]) -> list[Any]:
    """The chosen columns of one row."""
    return [row[index] if isinstance(index, int) else [row[each] for each in index] for index in wanted]


def gather(wanted: Sequence[Index], column: Callable[[int], Any]) -> list[Any]:
    """The chosen columns of one row. column: what stands in each."""
    return [column(index) if isinstance(index, int) else [column(each) for each in index] for index in wanted]


def gather_block(wanted: Sequence[Index], column: Callable[[int], Sequence[Any]]) -> list[Sequence[Any]]:
    """The chosen columns of a block of rows. column: a column's values."""
    return [
        column(index)
        if isinstance(index, int)
        else [list(values) for values in zip(*(column(each) for each in index), strict=True)]
        for index in wanted
    ]


def used(wanted: Sequence[Index]) -> list[int]:
    """Where the columns stand that are needed at all, each once."""
    return sorted({each for index in wanted for each in ([index] if isinstance(index, int) else index)})


def other_width(width: int, first: int, what: str = "row") -> str:
    """The problem with a row that has another number of columns than the first."""
    return f"{counted(width, 'column')} where the first {what} has {first}"
