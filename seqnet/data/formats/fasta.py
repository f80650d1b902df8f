"""FASTA: named sequences of letters."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from seqnet.data.files import BadRows
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import of_row, resolve
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.text import numbered
from seqnet.data.formats.written import answer_of, in_one_line, line, needs
from seqnet.data.formats.written import text as text_file
from seqnet.errors import ConfigurationError

NAMES = ("name", "description", "class", "sequence")
WIDTH = 60  # letters of a line that is written


class Fasta(Format):
    """A row is a record: `name`, `description` (the rest of its header), `class` (the last part of it), `sequence`.

    separator: between the parts of a header; None: white space behind the name, and the class is the description.
    Lines that begin with `;` are comments. A record with a line that cannot be read is one bad row. Raises
    ConfigurationError.
    """

    partial: ClassVar = True
    written: ClassVar = "records"
    endings: ClassVar = (".fasta", ".fa", ".faa", ".fna", ".ffn", ".fas")

    def __init__(self, separator: str | None = None) -> None:
        if separator == "":
            raise ConfigurationError("data.format.separator must not be empty; null is white space")
        self.separator = separator

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The four columns."""
        return NAMES

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns; `numbers` are the lines of the headers. Raises DataError."""
        wanted = resolve(columns, NAMES, len(NAMES), str(file))
        return one_by_one((number, of_row(row, wanted)) for number, row in self._records(file, bad))

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes records, an answer as the last part of the header. Raises ConfigurationError without a sequence."""
        needs(path, names, "sequence")
        between = self.separator or " "
        with text_file(path) as to:
            rows = 0

            def write(row: Mapping[str, Any]) -> None:
                nonlocal rows
                rows += 1
                name = rows if row.get("name") is None else row["name"]
                described = row.get("description")  # of which a class that was read is a part
                parts = [name, described, answer_of(row, names, NAMES, "class" if described is None else "")]
                line(to, ">" + between.join(in_one_line(part) for part in parts if part is not None))
                letters = "".join(in_one_line(row.get("sequence")).split())
                for begin in range(0, len(letters), WIDTH):
                    line(to, letters[begin : begin + WIDTH])

            yield write

    def _records(self, file: Any, bad: BadRows) -> Iterator[tuple[int, tuple[str | None, ...]]]:
        begin, head, pieces, broken = 0, "", list[str](), False
        for number, text, problem in numbered(file):
            if problem is None and text.startswith(">"):
                if begin and not broken:
                    yield begin, self._row(head, pieces)
                begin, head, pieces, broken = number, text[1:].strip(), [], False
                continue
            if problem is None and (not text.strip() or text.startswith(";")):
                continue
            if problem is None and not begin:
                problem = "letters before the first header, which is a line that begins with >"
            if problem is not None:
                if not broken:
                    bad(file, number, problem)
                broken = True
            pieces.append("".join(text.split()))
        if begin and not broken:
            yield begin, self._row(head, pieces)

    def _row(self, head: str, pieces: list[str]) -> tuple[str | None, ...]:
        parts = [part.strip() for part in head.split(self.separator, 1 if self.separator is None else -1)]
        description = (self.separator or " ").join(parts[1:]) or None
        label = parts[-1] if len(parts) > 1 else None
        return parts[0] if parts else "", description, label, "".join(pieces)
