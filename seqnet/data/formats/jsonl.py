"""JSON lines: an object a line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from seqnet import strict_json
from seqnet.data.files import BadRows
from seqnet.data.formats import records
from seqnet.data.formats.columns import names_in
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.text import numbered
from seqnet.data.formats.written import line, plain
from seqnet.data.formats.written import text as text_file
from seqnet.data.numbers import parse

LOOK = 100  # rows whose keys are taken for the header
NO_OBJECT = 'the JSON value is not an object, which is written {"name": value, ...}'


def looks_like_rows(lines: Sequence[str]) -> bool:
    """Whether the first lines of a file of JSON are objects of their own."""
    rows = [line for line in lines if line.strip()]
    try:
        return len(rows) > 1 and all(isinstance(parse(row), dict) for row in rows[:2])
    except (ValueError, RecursionError):
        return False


class Jsonl(Format):
    """An object a line, whose keys are the columns; other lines are bad rows, blank ones none."""

    endings: ClassVar = (".jsonl", ".ndjson")
    named: ClassVar = True
    written: ClassVar = "objects"

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The keys of the first rows. Raises DataError."""
        return self._keys(file, LOOK) or None

    def check(self, file: Any, columns: Sequence[Column]) -> None:
        """Look in the first rows whether the columns are there. Raises DataError with the nearest name."""
        if names := self._names(file, columns):
            records.check(names, columns, str(file))

    def everything(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], Column]:
        """The keys of all rows. Raises DataError."""
        names = self._keys(file)
        return names, list(names)

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen values; None where a row lacks the key. Raises DataError with the line."""
        return records.read(self._rows(file, bad), self._names(file, columns), columns, str(file))

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes an object a line, with all its keys."""
        with text_file(path) as to:
            yield lambda row: line(to, strict_json.as_line(plain(row)))

    def _keys(self, file: Any, most: int | None = None) -> tuple[str, ...]:
        """Those of so many rows, None = of all."""
        rows = islice(self._rows(file, BadRows("skip")), most)
        return records.keys(records.flat(row) for _, row in rows)

    def _names(self, file: Any, columns: Sequence[Column]) -> tuple[str, ...]:
        """The keys of the first rows, or of all where one is asked for that these lack."""
        names = self.header(file) or ()
        asked = {name for name in names_in(columns) if name not in names and name.partition(".")[0] not in names}
        return self._keys(file) if asked else names

    def _rows(self, file: Any, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, text, problem in numbered(file):
            if problem is None and not text.strip():
                continue
            row = None
            if problem is None:
                try:
                    row = parse(text)
                except (ValueError, RecursionError) as error:
                    problem = f"not JSON that can be read ({error})"
            if isinstance(row, dict):
                yield number, row
            else:
                bad(file, number, problem or NO_OBJECT)
