"""Which columns a file has, and whether its first row names them."""

import re
from collections.abc import Sequence
from typing import Any

from seqnet.data.formats.conll import Conll
from seqnet.data.formats.find import Part
from seqnet.data.formats.folder import NAMES as OF_FOLDERS
from seqnet.data.formats.folder import TEXT, ClassFolders
from seqnet.data.formats.names import ending
from seqnet.data.formats.table import NUMERIC, USUAL, Table, looks_like_header
from seqnet.data.inspection.locating import TEXTS
from seqnet.data.inspection.profile import ASKED


def columns_of(part: Part) -> tuple[list[str], list[Any], bool]:
    """The names of the columns, what each is asked for by, and whether they have names. Raises DataError."""
    format = part.format
    names = list(format.header(part.file) or ())
    if isinstance(format, Table):
        rows = format.look(part.file)
        if not names and heads(rows):
            names = list(map(str, rows[0]))
        if not names or len(set(names)) < len(names):
            return _positions(len(rows[0]) if rows else 0)
    elif isinstance(format, Conll):
        return _positions(format.width(part.file))
    elif isinstance(format, ClassFolders):
        texts = all(ending(file) in TEXTS for file in part.file.files)
        names = [name for name in names if name != TEXT or texts]
        names = [name for name in names if name != OF_FOLDERS[0] or not texts]
    return names, list(names), True


def is_guessed(format: Table, file: Any, names: Sequence[str]) -> bool:
    """Whether it is only likely that the first row names the columns, and nobody said so. Raises DataError."""
    if format.is_named(file, [0]):  # as it is, where a position is asked for, only by what was said
        return False
    rows, usual = format.look(file), USUAL | set(ASKED)
    if len({name.lower() for name in names}) < len(names):  # a word beside itself
        return True
    if all(name.strip().lower() in usual for name in names) or (looks_like_header(rows) and heads(rows)):
        return False
    columns = zip(*(row for row in rows[1:] if len(row) == len(names)), strict=True)
    return not any(any(cells) and all(NUMERIC.fullmatch(str(cell)) for cell in cells if cell) for cells in columns)


def _positions(width: int) -> tuple[list[str], list[Any], bool]:
    return [f"column {place}" for place in range(width)], list(range(width)), False


def heads(rows: Sequence[Sequence[Any]]) -> bool:
    """Whether the first row names columns by not being like the others: none of its cells occurs again.

    Below each name there are a few values that occur again and again, or values with figures in them, or longer texts.
    """
    if len(rows) < 6 or len({len(row) for row in rows}) > 1:
        return False
    first, *rest = ([str(cell).strip() for cell in row] for row in rows)
    if not all(re.fullmatch(r"[^\W\d]+([ _-][^\W\d]+)?", cell) for cell in first):
        return False
    columns = [[row[place] for row in rest] for place in range(len(first))]
    if any(name in cells for name, cells in zip(first, columns, strict=True)):
        return False
    sure = [
        len(set(cells)) <= len(cells) // 3 or all(any(map(str.isdigit, cell)) for cell in cells) for cells in columns
    ]
    longer = [
        sum(len(cell.split()) for cell in cells) > 1.5 * len(cells) * len(name.split())
        for name, cells in zip(first, columns, strict=True)
    ]
    codes = all(len(cell) <= 3 and cell.islower() for cell in first)  # of languages
    return (any(sure) or codes) and all(one or other for one, other in zip(sure, longer, strict=True))
