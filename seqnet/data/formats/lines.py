"""Files side by side: line n of one goes with line n of the others."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, ClassVar, TextIO

from seqnet.data.files import BadRows, counted
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import gather_block, resolve, used
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.opening import Beside
from seqnet.data.formats.text import check_encoding, numbered
from seqnet.data.formats.written import in_one_line
from seqnet.errors import DataError

ONLY = ("text",)  # the column of a file that is alone


class Lines(Format):
    """Each line of a file is a value, and each file a column, called by its ending or its name, or by its position.

    Raises ConfigurationError for an encoding that is none.
    """

    endings: ClassVar = (".txt",)
    beside: ClassVar = True

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = check_encoding(encoding)

    def header(self, file: Any) -> tuple[str, ...] | None:
        """What tells the files apart: their endings, or else their names."""
        return file.names if isinstance(file, Beside) else ONLY

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen lines, all of them. Raises DataError with file and line, and for files of different lengths."""
        names = self.header(file) or ONLY
        wanted = resolve(columns, names, len(names), str(file))
        files = file.files if isinstance(file, Beside) else (file,)
        needed = used(wanted)
        for block in one_by_one(self._lines([files[index] for index in needed], bad)):
            there = dict(zip(needed, block.columns, strict=True))
            yield Rows(block.numbers, gather_block(wanted, there.__getitem__))

    def _lines(self, files: Sequence[Any], bad: BadRows) -> Iterator[tuple[int, list[str]]]:
        counts = [0] * len(files)
        for lines in zip_longest(*(numbered(file, self.encoding) for file in files)):
            row, problem = [], None
            for place, line in enumerate(lines):
                if line is not None:
                    number, text, wrong = line
                    counts[place] = number
                    row.append(text)
                    if wrong is not None and problem is None:
                        problem = (files[place], number, wrong)
            if len(row) < len(files):
                continue  # to the longest one's end, which is told below
            if problem is not None:
                bad(*problem)
            else:
                yield counts[0], row
        if len(set(counts)) > 1:
            listed = " and ".join(
                f"{file} has {counted(count, 'line')}" for file, count in zip(files, counts, strict=True)
            )
            raise DataError(f"{listed}; line n of one must go with line n of the other, so mend the files")

    def writer(self, to: TextIO, names: Sequence[str]) -> Writer:
        """Writes the last value of each row, which is the prediction, as a line."""
        return lambda row: print(in_one_line(row[-1]), file=to)
