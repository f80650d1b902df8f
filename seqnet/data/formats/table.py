"""Tables whose rows are lists of cells: which row is the header, and which cells are asked for."""

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import chain
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple

from seqnet.data.files import BadRows, place, shown
from seqnet.data.formats.blocks import in_blocks
from seqnet.data.formats.columns import KEY, Index, by_position, other_width, pick, resolve
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.errors import ConfigurationError, DataError

Header = Literal["auto", "true", "false"] | bool


class Piece(NamedTuple):
    """Some rows: their numbers and their cells; and what is wrong with others, by number."""

    numbers: Sequence[int]
    rows: Sequence[Sequence[Any]]
    problems: Mapping[int, str] = MappingProxyType({})


NUMERIC = re.compile(r"\s*[-+]?[\d.,: /%$€-]*\d[\d.,: /%$€-]*([eE][-+]?\d+)?\s*")
USUAL = {  # names of columns that are no data
    *("text", "label", "sentence", "class", "category", "target", "source", "id", "name", "review", "title", "tag"),
    *("word", "token", "date", "time", "timestamp", "value", "file", "filename", "path", "question", "answer", "score"),
}
LOOK = 20  # rows that are looked at


def check_header(header: Header) -> bool | None:
    """Whether there is a header; None where the columns asked for say so. Raises ConfigurationError."""
    known = {"auto": None, "true": True, "false": False, True: True, False: False}
    if header not in known:
        raise ConfigurationError(f"data.format.header must be auto, true or false, not '{header}'")
    return known[header]


class Table(Format):
    """What formats of cells share. header: whether the first row names the columns; `auto`: where they are asked so."""

    named: ClassVar = True

    def __init__(self, header: Header) -> None:
        self._header = check_header(header)

    @abstractmethod
    def look(self, file: Any) -> Sequence[Sequence[Any]]:
        """The first rows. Raises DataError."""

    @abstractmethod
    def pieces(self, file: Any) -> Iterator[Piece]:
        """All rows. Raises DataError."""

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The first row, where it is said to name the columns, or looks like it. Raises DataError."""
        rows = self.look(file)
        there = looks_like_header(rows) if self._header is None else self._header
        return tuple(map(str, rows[0])) if there and rows else None

    @property
    def headed(self) -> bool:
        """Whether a header is written."""
        return self._header is not False

    def with_header(self, there: bool) -> "Table":
        """The same, whose first row names the columns, or does not."""
        found = copy(self)
        found._header = there
        return found

    def heading(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], bool]:
        """The first row, where it is read as a header where these columns are asked for; else its cells' positions.

        Raises DataError.
        """
        first = [str(cell) for cell in next(iter(self.look(file)), ())]
        named = self._is_named(first, columns)
        return tuple(first if named else map(str, range(len(first)))), named

    def is_named(self, file: Any, columns: Sequence[Column]) -> bool:
        """Whether the first row is read as a header where these columns are asked for. Raises DataError."""
        return self.heading(file, columns)[1]

    def everything(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], Column]:
        """All cells; without a header they are called by their positions. Raises DataError."""
        names, _ = self.heading(file, columns)
        return names, list(range(len(names)))

    def check(self, file: Any, columns: Sequence[Column]) -> None:
        """Look in the first row whether the columns are there. Raises DataError with the nearest name."""
        if rows := self.look(file):
            self._resolve(rows[0], columns, place(file, 1, self.unit))

    def remarks(self, file: Any, columns: Sequence[Column]) -> tuple[str, ...]:
        """That a header is taken for a row. Raises DataError."""
        names = self.header(file)
        if self._header is not None or names is None or not by_position(columns, names):
            return ()
        said = type(self).__name__.lower()
        return (
            f"{file}: the first {self.unit} looks like a header ({shown(', '.join(names))}) and is read as a row, "
            f"since columns are asked by position; name them with {KEY}, or give data/format={said} "
            "data.format.header=true",
        )

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen cells; rows must have as many as the first. Raises DataError with line or row."""
        pieces = self.pieces(file)
        begun = list[Piece]()  # up to the first that has rows
        for piece in pieces:
            begun.append(piece)
            if piece.rows:
                break
        else:
            problems = {number: problem for piece in begun for number, problem in piece.problems.items()}
            _tell(file, problems, bad, self.unit)
            why = f" ({self.unit} {min(problems)}: {problems[min(problems)]})" if problems else ""
            raise DataError(
                f"{file}: no row that can be read{why}; put rows there, or name another file with data.path="
            )
        first = begun.pop()
        named, wanted = self._resolve(first.rows[0], columns, place(file, first.numbers[0], self.unit))
        rest = Piece(first.numbers[int(named) :], first.rows[int(named) :], first.problems)
        width = len(first.rows[0])
        yield from in_blocks(
            (numbers, pick(rows, wanted))
            for numbers, rows in _even(file, chain(begun, [rest], pieces), width, bad, self.unit)
            if rows
        )

    def _resolve(self, first: Sequence[Any], columns: Sequence[Column], where: str) -> tuple[bool, list[Index]]:
        names = [str(cell) for cell in first]
        named = self._is_named(names, columns)
        return named, resolve(columns, names if named else None, len(names), where)

    def _is_named(self, first: Sequence[str], columns: Sequence[Column]) -> bool:
        return not by_position(columns, first) if self._header is None else self._header


def _even(
    file: Any, pieces: Iterable[Piece], width: int, bad: BadRows, unit: str
) -> Iterator[tuple[Sequence[int], Sequence[Sequence[Any]]]]:
    """The rows without those that have another number of cells; the first bad one is told first."""
    for numbers, rows, problems in pieces:
        if set(map(len, rows)) <= {width}:
            _tell(file, problems, bad, unit)
            yield numbers, rows
            continue
        strange = {
            number: other_width(len(row), width) for number, row in zip(numbers, rows, strict=True) if len(row) != width
        }
        _tell(file, {**problems, **strange}, bad, unit)
        kept = [place for place, row in enumerate(rows) if len(row) == width]
        yield [numbers[place] for place in kept], [rows[place] for place in kept]


def _tell(file: Any, problems: Mapping[int, str], bad: BadRows, unit: str) -> None:
    for number in sorted(problems):
        bad(file, number, problems[number], unit)


def looks_like_header(rows: Sequence[Sequence[Any]]) -> bool:
    """Whether the first of some rows names columns: short names, each once, over cells that are not like them."""
    if not rows:
        return False
    first, *rest = ([str(cell).strip() for cell in row] for row in rows)
    if not all(first) or len(set(first)) < len(first):
        return False
    if any(NUMERIC.fullmatch(cell) or len(cell) > 40 for cell in first):
        return False
    if any(cell.lower() in USUAL for cell in first):
        return True
    even = [row for row in rest if len(row) == len(first)]
    for name, *cells in zip(first, *even, strict=True):
        if cells and all(NUMERIC.fullmatch(cell) for cell in cells if cell) and any(cells):
            return True
        if len(cells) > 1 and len(name.split()) == 1 and min(len(cell.split()) for cell in cells) > 2:
            return True
    return False
