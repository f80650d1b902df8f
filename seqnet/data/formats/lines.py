"""Files side by side: line n of one goes with line n of the others."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from seqnet.data.files import BadRows, counted
from seqnet.data.formats.blocks import in_blocks
from seqnet.data.formats.columns import gather_block, resolve, used
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.opening import Beside
from seqnet.data.formats.text import NO_LINES, check_encoding, read_blocks
from seqnet.data.formats.written import in_one_line, line, text
from seqnet.errors import DataError

ONLY = ("text",)  # the column of a file that is alone


class Lines(Format):
    """Each line of a file is a value, and each file a column, called by its ending or its name, or by its position.

    Raises ConfigurationError for an encoding that is none.
    """

    endings: ClassVar = (".txt",)
    beside: ClassVar = True
    written: ClassVar = "answers"

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
        for block in in_blocks(self._pieces([files[index] for index in needed], bad)):
            there = dict(zip(needed, block.columns, strict=True))
            yield Rows(block.numbers, gather_block(wanted, there.__getitem__))

    def _pieces(self, files: Sequence[Any], bad: BadRows) -> Iterator[tuple[list[int], list[list[str]]]]:
        """Numbers and lines of each file, as far as all of them go."""
        blocks = [read_blocks(file, self.encoding) for file in files]
        rest = [NO_LINES] * len(files)
        while True:
            rest = [lines if lines.texts else next(more, lines) for lines, more in zip(rest, blocks, strict=True)]
            count = min(len(lines.texts) for lines in rest)
            if not count:
                break
            problems: dict[int, tuple[Any, str]] = {}
            for file, lines in zip(files, rest, strict=True):
                for place in [place for place in lines.problems if place < count and place not in problems]:
                    problems[place] = (file, lines.problems[place])
            for place, (file, problem) in sorted(problems.items(), key=lambda item: item[0]):
                bad(file, rest[0].first + place, problem)
            kept = [place for place in range(count) if place not in problems]
            columns = [[lines.texts[place] for place in kept] for lines in rest]
            yield [rest[0].first + place for place in kept], columns
            rest = [lines.behind(count) for lines in rest]
        counts = [
            max(lines.first - 1 + len(lines.texts), *(line.first - 1 + len(line.texts) for line in more), 0)
            for lines, more in zip(rest, blocks, strict=True)
        ]
        if len(set(counts)) > 1:
            listed = " and ".join(
                f"{file} has {counted(count, 'line')}" for file, count in zip(files, counts, strict=True)
            )
            raise DataError(f"{listed}; line n of one must go with line n of the other, so mend the files")

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes the last column, a line a row; of a list of words they stand with spaces between them."""

        def told(value: Any) -> str:
            words = isinstance(value, list) and all(isinstance(word, str) for word in value)
            return in_one_line(" ".join(value) if words else value)

        with text(path) as to:
            yield lambda row: line(to, told(row.get(names[-1])))
