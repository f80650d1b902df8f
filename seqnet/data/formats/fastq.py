"""FASTQ: named sequences of letters, each letter with its quality."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from seqnet.data.files import BadRows
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import of_row, resolve
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.text import numbered

NAMES = ("name", "description", "sequence", "quality")
Line = tuple[int, str, str | None]


class Fastq(Format):
    """A row is a record of four lines: `@name description`, `sequence`, `+`, and as many letters of `quality`."""

    partial: ClassVar = True
    endings: ClassVar = (".fastq", ".fq")

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The four columns."""
        return NAMES

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns; `numbers` are the lines of the names. Raises DataError."""
        wanted = resolve(columns, NAMES, len(NAMES), str(file))
        return one_by_one((number, of_row(row, wanted)) for number, row in _records(file, bad))


def _records(file: Any, bad: BadRows) -> Iterator[tuple[int, tuple[str | None, ...]]]:
    """Records; behind a bad one, the next begins at the next line with @ that has a + two lines below."""
    lines = (line for line in numbered(file) if line[1].strip() or line[2])
    window = list[Line]()
    broken = False
    while True:
        while len(window) < 4 and (line := next(lines, None)):
            window.append(line)
        if not window:
            return
        number, head, _ = window[0]
        problem = _problem(window)
        if problem is None:
            name, _, description = head[1:].strip().partition(" ")
            yield number, (name, description or None, window[1][1].strip(), window[3][1].strip())
            window, broken = [], False
            continue
        if not broken:
            bad(file, *problem)
        broken = True
        window = window[1:]


def _problem(record: Sequence[Line]) -> tuple[int, str] | None:
    for number, _, problem in record:
        if problem is not None:
            return number, problem
    number, head, _ = record[0]
    if not head.startswith("@"):
        return number, "not the name of a record, which is a line that begins with @"
    if len(record) < 4:
        return number, "the record ends before its four lines"
    if not record[2][1].startswith("+"):
        return record[2][0], "not a line that begins with +, behind the sequence of a record"
    sequence, quality = record[1][1].strip(), record[3][1].strip()
    if len(sequence) != len(quality):
        return record[3][0], f"{len(quality)} letters of quality for a sequence of {len(sequence)}"
    return None
