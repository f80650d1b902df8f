"""JSON: all rows in one value, which is read whole."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from seqnet import strict_json
from seqnet.data.files import SPLIT_NAMES, BadRows
from seqnet.data.formats import records
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.opening import Inside, stream
from seqnet.data.formats.written import plain, text
from seqnet.data.numbers import read_json
from seqnet.errors import DataError

VALUE = "value"  # the column of rows that are no objects
LOOK = 100  # rows whose keys are taken for the header
SHAPE = 'there must be a list of rows, [{"name": value, ...}, ...], or one for each of train, valid and test'


class Json(Format):
    """A list of objects, whose keys are the columns; or such a list for each split, by its name.

    Lists of equal length by column are taken too, {"text": [...], "label": [...]}. A row that is no object is the
    column `value`.
    """

    endings: ClassVar = (".json",)
    named: ClassVar = True
    unit: ClassVar = "row"
    written: ClassVar = "objects"

    def splits(self, file: Any) -> dict[str, Any] | None:
        """The lists by split, where the file is made so. Raises DataError."""
        content = _content(file)
        if not isinstance(content, dict):
            return None
        found = {}
        for split, names in SPLIT_NAMES.items():
            there = [name for name in names if isinstance(content.get(name), list | dict)]
            if len(there) > 1:
                raise DataError(f"{file}: {' and '.join(there)} are the same split; keep one of them")
            if there:
                found[split] = Inside(file, there[0])
        return found if "train" in found or (found and len(found) == len(content)) else None

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The keys of the first rows. Raises DataError."""
        return records.keys(records.flat(_row(row)) for row in _rows(file)[:LOOK]) or None

    def check(self, file: Any, columns: Sequence[Column]) -> None:
        """Look in the first rows whether the columns are there. Raises DataError with the nearest name."""
        if names := self.header(file):
            records.check(names, columns, str(file))

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen values; None where a row lacks the key. Raises DataError with the place of what is no JSON."""
        rows = list(map(_row, _rows(file)))
        names = records.keys(map(records.flat, rows[:LOOK]))
        return records.read(enumerate(rows, 1), names, columns, str(file))

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes a list of objects, each in a line of its own with all its keys."""
        with text(path) as to:
            between = "["

            def write(row: Mapping[str, Any]) -> None:
                nonlocal between
                to.write(f"{between}\n{strict_json.as_line(plain(row))}")
                between = ","

            yield write
            to.write("[]\n" if between == "[" else "\n]\n")


def _row(row: Any) -> dict[str, Any]:
    return row if isinstance(row, dict) else {VALUE: row}


def _content(file: Any) -> Any:
    with stream(file) as raw:
        content = raw.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text at byte {error.start}; write it anew as UTF-8") from error
    return read_json(text, str(file))


def _rows(file: Any) -> list[Any]:
    inside = isinstance(file, Inside)
    content = _content(file.file if inside else file)
    found = content.get(file.key) if inside and isinstance(content, dict) else content
    if isinstance(found, dict) and found and all(isinstance(column, list) for column in found.values()):
        lengths = {name: len(column) for name, column in found.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise DataError(f"{file}: its columns are not of one length ({listed[:200]}); mend the file")
        return [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
    if not isinstance(found, list):
        raise DataError(f"{file}: {SHAPE}")
    return found
