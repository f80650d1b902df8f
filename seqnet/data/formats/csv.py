"""CSV: a row a line, or more of them where quotes say so."""

import csv
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from seqnet.data.formats import table
from seqnet.data.formats.format import Column, Writer
from seqnet.data.formats.text import NO_LINES, LineBlock, beginning, check_encoding, read_blocks
from seqnet.data.formats.written import cell, text
from seqnet.errors import ConfigurationError

DELIMITERS = ("\t", ";", "|", ",")
SAID = re.compile(r'"?sep=([^"\w ])"?', re.IGNORECASE)  # a first line that says it to Excel
OPEN = "unexpected end of data"  # what the csv module says of a quote that is not closed


class Csv(table.Table):
    """Cells with something between them, quoted where they hold it or a line's end.

    delimiter: None for the one that a first line such as `sep=;` says, which is no row, or else that parts the first
    lines alike. header: whether the first row names the columns;
    `auto`: where columns are asked by name. Raises ConfigurationError.
    """

    endings: ClassVar = (".csv",)

    def __init__(self, delimiter: str | None = None, header: table.Header = "auto", encoding: str = "utf-8") -> None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0 '):
            raise ConfigurationError(f"data.format.delimiter='{delimiter}' must be one character, such as ; or a tab")
        super().__init__(header)
        self.delimiter = delimiter
        self.encoding = check_encoding(encoding)

    def like(self, file: Any, columns: Sequence[Column]) -> "Csv":
        """With the delimiter of a file, and its header. Raises DataError."""
        delimiter = self.delimiter_of(beginning(file, self.encoding))
        return Csv(delimiter, self.is_named(file, columns), self.encoding)

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes the names, unless the format has no header, then rows with cells as text, others as JSON."""
        with text(path) as to:
            out = csv.writer(to, delimiter=self.delimiter or ",", lineterminator="\n")
            if self.headed:
                out.writerow(names)
            yield lambda row: out.writerow([cell(row.get(name)) for name in names])

    def look(self, file: Any) -> list[list[str]]:
        """The first rows. Raises DataError."""
        lines = beginning(file, self.encoding)
        kept = lines[1:] if _says(lines) else lines
        rows = csv.reader([line + "\n" for line in kept], delimiter=self.delimiter_of(lines))
        found = []
        try:
            for row in rows:
                found += [row] if row else []
        except csv.Error:
            pass  # said when the row is read
        return found[: table.LOOK]

    def delimiter_of(self, lines: list[str]) -> str:
        """What stands between the cells of the first lines."""
        said = _says(lines)
        return self.delimiter or (said[1] if said else sniff(lines))

    def pieces(self, file: Any) -> Iterator[table.Piece]:
        """Rows that are not blank, and the line at which each begins. Raises DataError.

        A line whose quote is never closed takes those behind it with it: it alone is bad, they are read again.
        """
        delimiter = self.delimiter_of(beginning(file, self.encoding))
        rest = NO_LINES
        for lines in read_blocks(file, self.encoding):
            if lines.first == 1 and _says(lines.texts):
                lines = lines.behind(1)
            if rest.texts:
                lines = rest.then(lines)
            piece, taken = _parse(lines, delimiter, last=False)
            rest = lines.behind(taken)
            yield piece
        yield _parse(rest, delimiter, last=True)[0]


def _says(lines: Sequence[str]) -> re.Match[str] | None:
    """Whether the first line says what parts the cells, and is no row."""
    return SAID.fullmatch(lines[0]) if lines else None


def _parse(lines: LineBlock, delimiter: str, last: bool) -> tuple[table.Piece, int]:
    """The rows in some lines, and how many lines they take: one that is open at the end is left, but the last."""
    numbers, rows, problems = list[int](), list[list[str]](), dict[int, str]()
    texts, first, count = [text + "\n" for text in lines.texts], lines.first, len(lines.texts)
    stops = [*sorted(lines.problems), count]  # where no row can go on
    at = 0
    while at < count:
        stop = stops[bisect(stops, at - 1)]
        if stop == at:
            problems[first + at] = lines.problems[at]
            at += 1
            continue
        begin = at
        try:
            if plain := _plain(texts, at, stop, delimiter):
                numbers += range(first + at, first + stop)
                rows += plain
            else:
                reader = _reader(texts, at, stop, delimiter)
                for row in reader:
                    if row:
                        numbers.append(first + begin)
                        rows.append(row)
                    begin = at + reader.line_num
            at = stop
        except csv.Error as error:
            open_ended = OPEN in str(error)
            if open_ended and stop == count and not last:
                return table.Piece(numbers, rows, problems), begin
            why = f"in line {first + stop}, {lines.problems[stop]}" if open_ended and stop < count else str(error)
            problems[first + begin] = f"not a row of CSV ({why})"
            at = begin + 1
    return table.Piece(numbers, rows, problems), count


def _reader(texts: list[str], begin: int, end: int, delimiter: str) -> Any:
    return csv.reader(map(texts.__getitem__, range(begin, end)), delimiter=delimiter, strict=True)


def _plain(texts: list[str], begin: int, end: int, delimiter: str) -> list[list[str]] | None:
    """The rows, where each is one line, which is quick; None where one is not, or is blank or broken."""
    try:
        rows = list(_reader(texts, begin, end, delimiter))
    except csv.Error:
        return None
    return rows if len(rows) == end - begin and all(rows) else None


def sniff(lines: Sequence[str]) -> str:
    """What parts the cells: a delimiter of the first line that parts all lines alike, else its most frequent one."""
    widths = {}
    for delimiter in DELIMITERS:
        rows = csv.reader([line + "\n" for line in lines], delimiter=delimiter)
        try:
            found = [len(row) for row in rows if row]
        except csv.Error:
            found = []
        widths[delimiter] = found
    even = [delimiter for delimiter, found in widths.items() if len(set(found)) == 1 and found[0] > 1]
    if even:
        return even[0]
    most = max(DELIMITERS[::-1], key=lambda delimiter: widths[delimiter][0] if widths[delimiter] else 0)
    return most if widths[most] and widths[most][0] > 1 else ","
