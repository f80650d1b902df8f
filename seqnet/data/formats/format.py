"""What a format is: it gives rows of named raw values out of a file, block by block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from seqnet.data.files import BadRows

ROWS = 4096  # of a table that are read at a time
BYTES = 1 << 24  # of a text that are read at a time, cut at a line's end

Column = str | int
"""A column by its name, or by its position (0 is the first, -1 the last) where there are no names."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a file, column by column."""

    numbers: Sequence[int]  # where each stands: its line, counted from 1, or its row where there are no lines
    columns: Sequence[Sequence[Any]]  # for each column asked for, a value a row; None where it is missing
    continues: bool = False  # the first row goes on with the last one of the block before: a large document in pieces


class Format(Protocol):
    """A kind of file. A file may be compressed (gz, xz, zst) where its format is text."""

    endings: ClassVar[tuple[str, ...]]
    unit: ClassVar[str] = "line"  # what `Rows.numbers` count

    def header(self, file: Any) -> tuple[str, ...] | None: ...  # the columns' names, by a look at the beginning
    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]: ...
    def base(self, file: Any) -> Path: ...  # the folder that names of files in its values are relative to
