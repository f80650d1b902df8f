"""CoNLL columns: a token a line, blank lines between sentences; a row is a sentence."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from seqnet.data.files import BadRows, shown
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import gather, other_width, resolve
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.text import beginning, check_encoding, numbered
from seqnet.data.formats.written import in_one_line, line, steps_of
from seqnet.data.formats.written import text as text_file

DOCUMENT = "-DOCSTART-"  # begins a line that is no token
COMMENT = "# "  # begins a line that seems to be none
PASS_OVER = "data/format=conll data.format.comments=true passes over comments"
BIO = re.compile(r"[BIOESLU](-\S+)?")
Sentence = tuple[int, list[list[str]]]
"""The line of the first token, and the columns of each."""


class Conll(Format):
    """Each column of a sentence is a list of texts, one a token; columns are positions, negative ones from the end.

    Columns are cut at tabs, in lines without one at spaces; all lines have as many as the first. A sentence with a bad
    line is one bad row. comments: lines that begin with `#` are passed over. Raises ConfigurationError.
    """

    endings: ClassVar = (".conll", ".bio", ".iob", ".iob2")
    written: ClassVar = "steps"

    def __init__(self, comments: bool = False, encoding: str = "utf-8") -> None:
        self.comments = comments
        self.encoding = check_encoding(encoding)

    def check(self, file: Any, columns: Sequence[Column]) -> None:
        """Look in the first line whether the columns are there. Raises DataError."""
        if width := self.width(file):
            resolve(columns, None, width, str(file))

    def width(self, file: Any) -> int:
        """How many columns the first line has that holds a token; 0 where none does. Raises DataError."""
        lines = (line for line in beginning(file, self.encoding) if line.strip(" \t") and not self._passed(line))
        return len(_cells(next(lines, "")))

    def remarks(self, file: Any, columns: Sequence[Column]) -> tuple[str, ...]:
        """That comments are read as words. Raises DataError."""
        number = None if self.comments else comment_in(beginning(file, self.encoding))
        return () if number is None else (f"{file}, line {number} begins with # and is read as a word: {PASS_OVER}",)

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns of sentences; `numbers` are the lines of their first tokens. Raises DataError."""
        wanted = None

        def values() -> Iterator[tuple[int, list[list[Any]]]]:
            nonlocal wanted
            for number, tokens in self._sentences(file, bad):
                if wanted is None:
                    wanted = resolve(columns, None, len(tokens[0]), f"{file}, line {number}")
                yield number, gather(wanted, partial(_column, tokens))

        return one_by_one(values())

    def everything(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], Column]:
        """All columns, which are called by their positions. Raises DataError."""
        places = list(range(self.width(file)))
        return tuple(map(str, places)), places

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes a token a line, its columns apart by tabs, and a blank line behind each sentence.

        What is no value a token stands at each of them as it is, and `_` stands where there is none.
        """
        with text_file(path) as to:

            def write(row: Mapping[str, Any]) -> None:
                values = [row.get(name) for name in names]
                tokens = steps_of(values)
                stepped = [isinstance(value, list) and len(value) == tokens for value in values]
                columns = [value if each else [value] * tokens for value, each in zip(values, stepped, strict=True)]
                for cells in zip(*columns, strict=True):
                    line(to, *(in_one_line(each) or "_" for each in cells))
                line(to)

            yield write

    def _passed(self, line: str) -> bool:
        return line.startswith(DOCUMENT) or (self.comments and line.startswith("#"))

    def _sentences(self, file: Any, bad: BadRows) -> Iterator[Sentence]:
        width, begin, tokens, broken, comment = 0, 0, list[list[str]](), False, None
        for number, text, problem in numbered(file, self.encoding):
            if problem is None and not text.strip(" \t"):
                if tokens and not broken:
                    yield begin, tokens
                tokens, broken = [], False
                continue
            if self._passed(text):
                continue
            cells = _cells(text)
            if problem is None and not cells:
                problem = "there is nothing but white space"
            if problem is None:
                width = width or len(cells)
                comment = number if comment is None and text.startswith(COMMENT) else comment
                if len(cells) != width:
                    hint = f" (line {comment} begins with #: {PASS_OVER})" if comment is not None else ""
                    problem = other_width(len(cells), width, "line") + hint
            if problem is not None and not broken:
                bad(file, number, problem)
                broken = True
            begin = begin if tokens else number
            tokens.append(cells)
        if tokens and not broken:
            yield begin, tokens


def _cells(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split()


def _column(tokens: Sequence[Sequence[str]], index: int) -> list[str]:
    return [token[index] for token in tokens]


def comment_in(lines: Sequence[str]) -> int | None:
    """Which of the first lines, counted from 1, is the first comment: they stand before sentences and end in no tag."""
    comments, tags, first, before = list[str](), set[str](), None, True
    for number, text in enumerate(lines, 1):
        cells = _cells(text.strip(" \t"))
        if not cells:
            before = True
        elif text.startswith(COMMENT) and before:
            first = number if first is None else first
            comments.append(cells[-1])
        else:
            before = False
            tags.add(cells[-1])
    return None if not tags or set(comments) <= tags else first


def looks_like_columns(lines: Sequence[str]) -> str | None:
    """What in the first lines of a text makes them columns of tokens, in words; None where they are running text.

    They are where all lines have as many columns, two or more, there are blank lines or lines of one word and its tag,
    and the last column is of few letters without a space.
    """
    rows = [_cells(line) for line in lines if line.strip(" \t") and not line.startswith((DOCUMENT, "#"))]
    if len(rows) < 3:
        return None
    widths = {len(row) for row in rows}
    if len(widths) > 1 or widths == {1} or max(widths) > 20:
        return None
    tags = [row[-1] for row in rows]
    blank = any(not line.strip(" \t") for line in lines)
    few = len(set(tags)) <= max(len(tags) // 2, 1)
    if all(BIO.fullmatch(tag) for tag in tags) or (few and blank and all(tag.isupper() or tag == "_" for tag in tags)):
        return f"{len(rows[0])} columns a line, the last of them such as {shown(max(tags, key=len), 20)}"
    return None
