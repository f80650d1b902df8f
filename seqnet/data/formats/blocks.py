"""Rows gathered into blocks of one size, whatever pieces they are read in."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from seqnet.data.formats import format as sizes
from seqnet.data.formats.format import Rows


def in_blocks(pieces: Iterable[tuple[Sequence[int], Sequence[Sequence[Any]]]]) -> Iterator[Rows]:
    """Blocks of ROWS rows, the last one smaller. pieces: numbers and columns of some rows each, which are lists."""
    numbers: list[int] = []
    columns: list[list[Any]] = []
    for more, values in pieces:
        numbers += more
        columns = columns or [[] for _ in values]
        for column, each in zip(columns, values, strict=True):
            column += each
        begin = 0
        while len(numbers) - begin >= sizes.ROWS:
            end = begin + sizes.ROWS
            yield Rows(numbers[begin:end], [column[begin:end] for column in columns])
            begin = end
        if begin:
            numbers, columns = numbers[begin:], [column[begin:] for column in columns]
    if numbers:
        yield Rows(numbers, columns)


def one_by_one(rows: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[Rows]:
    """Blocks of rows that are made one by one, of at most ROWS rows and about BYTES letters or items."""
    numbers: list[int] = []
    values: list[Sequence[Any]] = []
    size = 0
    for number, row in rows:
        numbers.append(number)
        values.append(row)
        size += sum(map(_size, row))
        if len(numbers) >= sizes.ROWS or size >= sizes.BYTES:
            yield Rows(numbers, list(zip(*values, strict=True)))
            numbers, values, size = [], [], 0
    if numbers:
        yield Rows(numbers, list(zip(*values, strict=True)))


def _size(value: Any) -> int:
    """About how many letters or items, and of a picture or a sound beside its name how many bytes."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return len(value) if hasattr(value, "__len__") else 0
