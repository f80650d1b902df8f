"""Rows that are dictionaries: a column is a key, or a path of keys such as `answers.text`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seqnet.data.files import TRANSLATION
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import gather, names_in, resolve
from seqnet.data.formats.format import Column, Rows


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the texts of a translation as columns of their own."""
    texts = row.get(TRANSLATION)
    return texts | row if isinstance(texts, dict) else row


def keys(rows: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Those of some rows, in the order in which they first occur."""
    return tuple(dict.fromkeys(key for row in rows for key in row))


def with_paths(names: Sequence[str], columns: Sequence[Column]) -> tuple[str, ...]:
    """The names, and the paths that are asked for which begin with one of them."""
    paths = [name for name in names_in(columns) if name not in names and name.partition(".")[0] in names]
    return (*names, *dict.fromkeys(paths))


def value(row: Mapping[str, Any], name: str) -> Any:
    """What stands in a row under a name or a path; None where nothing does."""
    if name in row or "." not in name:
        return row.get(name)
    head, _, rest = name.partition(".")
    inner = row.get(head)
    return value(inner, rest) if isinstance(inner, dict) else None


def read(
    rows: Iterable[tuple[int, dict[str, Any]]], names: Sequence[str], columns: Sequence[Column], where: str
) -> Iterator[Rows]:
    """The chosen columns of rows with their numbers. names: of the first rows. Raises DataError."""
    names = with_paths(names or names_in(columns), columns)
    wanted = resolve(columns, names, len(names), where)

    plain = [names[index] for index in wanted if isinstance(index, int) and "." not in names[index]]

    def values(row: dict[str, Any]) -> list[Any]:
        if len(plain) == len(wanted):
            return [row.get(name) for name in plain]
        return gather(wanted, lambda index: value(row, names[index]))

    return one_by_one((number, values(flat(row))) for number, row in rows)


def check(names: Sequence[str], columns: Sequence[Column], where: str) -> None:
    """Raises DataError for a column that none of the first rows has."""
    names = with_paths(names, columns)
    resolve(columns, names, len(names), where)
