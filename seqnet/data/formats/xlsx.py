"""Excel workbooks: one sheet of cells."""

import math
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from seqnet.data.files import one_sentence, opened, shown
from seqnet.data.formats import table
from seqnet.data.formats.compressed import most_of, unpacking
from seqnet.data.formats.format import Column, Writer
from seqnet.data.formats.opening import on_disk
from seqnet.data.formats.written import cell as as_text
from seqnet.data.formats.written import whole
from seqnet.errors import ConfigurationError, DataError, did_you_mean

NEEDED = "Excel files need the package openpyxl: pip install 'seqnet[xlsx]'"
PIECE = 512  # rows at a time


class Xlsx(table.Table):
    """Rows of a sheet, without blank ones; cells that are empty are missing, dates are text as in ISO 8601.

    sheet: its name, None for the first. header: whether the first row names the columns; `auto`: where columns are
    asked by name. Raises ConfigurationError.
    """

    endings: ClassVar = (".xlsx", ".xlsm")
    unit: ClassVar = "row"
    local: ClassVar = True

    def __init__(self, sheet: str | None = None, header: table.Header = "auto") -> None:
        super().__init__(header)
        self.sheet = sheet

    def like(self, file: Any, columns: Sequence[Column]) -> "Xlsx":
        """With the header of a file. Raises DataError."""
        return Xlsx(self.sheet, self.is_named(file, columns))

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes the names, unless the format has no header, then rows: numbers as such, others as text.

        Raises ConfigurationError where openpyxl is not installed.
        """
        try:
            import openpyxl
            from openpyxl.cell import WriteOnlyCell
            from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
        except ImportError as error:
            raise ConfigurationError(NEEDED) from error
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet(self.sheet)

        def cell(value: Any) -> Any:
            if isinstance(value, int | float) and math.isfinite(value):
                return value
            made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", whole(as_text(value))))
            made.data_type = "s"  # a text that begins with = is no formula
            return made

        def write(row: Mapping[str, Any]) -> None:
            sheet.append([cell(row.get(name)) for name in names])

        if self.headed:
            sheet.append([cell(name) for name in names])
        yield write
        book.save(path)

    def look(self, file: Any) -> Sequence[Sequence[Any]]:
        """The first rows. Raises DataError."""
        rows = next((piece.rows for piece in self.pieces(file)), ())
        return [["" if cell is None else cell for cell in row] for row in rows[: table.LOOK]]

    def pieces(self, file: Any) -> Iterator[table.Piece]:
        """All rows, each as wide as the first. Raises DataError."""
        width = 0
        with self._opened(file) as sheet:
            rows = enumerate(sheet.iter_rows(values_only=True), 1)
            while block := list(islice(rows, PIECE)):
                numbers, found = [], []
                for number, cells in block:
                    row = [_value(cell) for cell in cells]
                    while row and row[-1] is None:
                        row.pop()
                    if row:
                        width = width or len(row)
                        numbers.append(number)
                        found.append(row + [None] * (width - len(row)))
                yield table.Piece(numbers, found)

    @contextmanager
    def _opened(self, file: Any) -> Iterator[Any]:
        try:
            import openpyxl
        except ImportError as error:
            raise ConfigurationError(NEEDED) from error
        path = on_disk(file)
        with opened(path) as raw:
            with unpacking(str(file)):
                size = sum(info.file_size for info in zipfile.ZipFile(raw).infolist())
            if size > most_of(path.stat().st_size):
                raise DataError(
                    f"{file}: it says that it unpacks to {size} bytes, which is no one's table; name another"
                )
            with one_sentence(f"{file}: cannot be read as an Excel file; name a whole file with data.path="):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of styles and the like, which are no data
                    book = openpyxl.load_workbook(raw, read_only=True, data_only=True)
                    try:
                        yield self._sheet(file, book)
                    finally:
                        book.close()

    def _sheet(self, file: Any, book: Any) -> Any:
        names = [sheet.title for sheet in book.worksheets]
        if self.sheet is None and names:
            return book.worksheets[0]
        if self.sheet not in names:
            listed, hint = shown(", ".join(names), 200), shown(did_you_mean(self.sheet or "", names), 200) or ";"
            raise DataError(
                f"{file}: no sheet '{shown(self.sheet or '')}' among {listed}{hint} name one with data.format.sheet="
            )
        return book[self.sheet]


def _value(cell: Any) -> Any:
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return None if cell == "" else cell
