"""What a format is: it gives rows of named raw values out of a file, block by block."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from seqnet.data.files import BadRows
from seqnet.data.formats.columns import Column as Column
from seqnet.data.formats.columns import names_in, resolve
from seqnet.data.formats.opening import folder_of
from seqnet.errors import ConfigurationError

ROWS = 4096  # of a table that are read at a time
BYTES = 1 << 24  # of a text that are read at a time, cut at a line's end

Writer = Callable[[Mapping[str, Any]], None]
"""Takes a row's values by the names of the columns; one that is not there is missing."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a file, column by column."""

    numbers: Sequence[int]  # where each stands: its line, counted from 1, or its row where there are no lines
    columns: Sequence[Sequence[Any]]  # for each column asked for, a value a row; None where it is missing
    continues: bool = False  # the first row goes on with the last one of the block before: a large document in pieces

    def __len__(self) -> int:
        return len(self.numbers)


class Format(Protocol):
    """A kind of file: what is not said otherwise goes for a file of text whose columns have no names.

    A `file` is what `find` gave: a path, a member of an archive, files side by side, a split of a Hub data set. A file
    of text may be compressed (gz, xz, zst).
    """

    endings: ClassVar[tuple[str, ...]] = ()  # of the files that are taken for this format
    unit: ClassVar[str] = "line"  # what `Rows.numbers` count
    several: ClassVar[bool] = False  # each file is a row, or a few, so a split may have many
    parted: ClassVar[bool] = False  # a row may come in pieces, of which some may be blank
    beside: ClassVar[bool] = False  # files of one split are columns: line n of one goes with line n of the others
    named: ClassVar[bool] = False  # columns are called as the file's author did, not by the format
    partial: ClassVar[bool] = False  # a row may lack some columns altogether, which then are None
    local: ClassVar[bool] = False  # reads a file on the disk; a member of an archive is unpacked for it
    # What a row is that is written: cells under a header, an object with keys of its own, lists with a line for each
    # step, a record with its answer and no further columns, or nothing but an answer.
    written: ClassVar[Literal["cells", "objects", "steps", "records", "answers"]] = "cells"

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns, in blocks. Raises DataError for a column that is not there, before a row is read."""
        ...

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The columns' names, by a look at the beginning; None where they have none. Raises DataError."""
        return None

    def heading(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], bool]:
        """What the columns are called, by a look at the beginning, and whether the file says so, or they are positions.

        Raises DataError.
        """
        return self.header(file) or (), True

    def check(self, file: Any, columns: Sequence[Column]) -> None:
        """Look at the beginning whether the columns are there. Raises DataError with the nearest name."""
        names = self.header(file)
        if names is not None:
            resolve(columns, names, len(names), str(file))

    def remarks(self, file: Any, columns: Sequence[Column]) -> tuple[str, ...]:
        """What a look at the beginning of a file makes one wonder about, each a sentence."""
        return ()

    def count(self, file: Any) -> int | None:
        """How many rows there are, where that is known without reading them."""
        return None

    def base(self, file: Any) -> Path:
        """The folder that names of files in its values are relative to."""
        return folder_of(file)

    def splits(self, file: Any) -> dict[str, Any] | None:
        """The parts of a file that holds several splits, by their names; None for one that does not."""
        return None

    def pick(self, file: Any, columns: Sequence[Column]) -> "tuple[Format, str | None]":
        """The format in which a file is read, and a sentence that says so where its content decided."""
        return self, None

    def everything(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], Column]:
        """What all columns are called, and all of them as one value; without names those that are asked for.

        Raises DataError.
        """
        names = self.header(file)
        return (tuple(names_in(columns)), names_in(columns)) if names is None else (names, list(range(len(names))))

    def like(self, file: Any, columns: Sequence[Column]) -> "Format":
        """The format with what a look at a file says of it, so that another is written like it. Raises DataError."""
        return self

    def writer(self, path: Path, names: Sequence[str]) -> AbstractContextManager[Writer]:
        """A function that writes rows with these columns into a new file, which is whole when the context ends.

        Only a format that has its own is written. Raises ConfigurationError.
        """
        raise ConfigurationError(f"{path} cannot be written: {type(self).__name__} is a format that is read only")
