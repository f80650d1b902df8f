"""TSV: a row a line, cells apart by tabs; quotes are letters like any other."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from seqnet.data.formats import table
from seqnet.data.formats.format import Column, Writer
from seqnet.data.formats.text import beginning, check_encoding, read_blocks
from seqnet.data.formats.written import in_one_line, line, text
from seqnet.errors import ConfigurationError


class Tsv(table.Table):
    """Cells with a delimiter between them that no cell holds.

    header: whether the first row names the columns; `auto`: where columns are asked by name. Raises ConfigurationError.
    """

    endings: ClassVar = (".tsv", ".tab")

    def __init__(self, delimiter: str = "\t", header: table.Header = "auto", encoding: str = "utf-8") -> None:
        if not delimiter or set(delimiter) & set("\r\n\0"):
            raise ConfigurationError(f"data.format.delimiter='{delimiter}' must be what stands between cells")
        super().__init__(header)
        self.delimiter = delimiter
        self.encoding = check_encoding(encoding)

    def like(self, file: Any, columns: Sequence[Column]) -> "Tsv":
        """With the header of a file. Raises DataError."""
        return Tsv(self.delimiter, self.is_named(file, columns), self.encoding)

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes the names, unless the format has no header, then rows; a cell's tabs and line ends become spaces."""
        with text(path) as to:
            if self.headed:
                line(to, *map(in_one_line, names), delimiter=self.delimiter)
            yield lambda row: line(to, *(in_one_line(row.get(name)) for name in names), delimiter=self.delimiter)

    def look(self, file: Any) -> list[list[str]]:
        """The first rows. Raises DataError."""
        lines = [line for line in beginning(file, self.encoding) if line]
        return [line.split(self.delimiter) for line in lines[: table.LOOK]]

    def pieces(self, file: Any) -> Iterator[table.Piece]:
        """Rows that are not blank, and their lines. Raises DataError."""
        for lines in read_blocks(file, self.encoding):
            kept = [place for place, text in enumerate(lines.texts) if text]  # no text where there is a problem
            rows = [lines.texts[place].split(self.delimiter) for place in kept]
            problems = {lines.first + place: problem for place, problem in lines.problems.items()}
            yield table.Piece([lines.first + place for place in kept], rows, problems)
