"""Values as they are written into a file."""

import gzip
import io
import lzma
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from seqnet import strict_json
from seqnet.data.files import shown
from seqnet.errors import ConfigurationError

COMPRESSED = (".gz", ".xz")  # as which a text is written
APART = re.compile(r"\r\n|[\t\r\n]")  # what parts cells and lines


@contextmanager
def text(path: Path) -> Iterator[TextIO]:
    """A new file of text, compressed where its name says so; halves of letters, which no file holds, become question
    marks.
    """
    with ExitStack() as stack:
        to: Any = stack.enter_context(path.open("wb"))
        if path.suffix.lower() == ".gz":
            to = stack.enter_context(gzip.GzipFile("", "wb", fileobj=to, mtime=0))  # the same bytes on every day
        elif path.suffix.lower() == ".xz":
            to = stack.enter_context(lzma.open(to, "wb"))
        yield stack.enter_context(io.TextIOWrapper(to, encoding="utf-8", errors="replace", newline=""))


def plain(value: Any) -> Any:
    """A value as JSON says it: lists for arrays, dates by ISO 8601, None for what has no words, such as a picture."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        if value.keys() == {"bytes", "path"}:  # a file within a table, as parquet and the Hub have it
            return value["path"]
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(plain, value))
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else None


def cell(value: Any) -> str:
    """A value as the text of a cell: nothing for what has no words, JSON for what is no text."""
    value = plain(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else strict_json.dumps(value, ensure_ascii=False)


def whole(text: str) -> str:
    """The text with question marks for halves of letters, which no file holds."""
    return text.encode("utf-8", "replace").decode()


def in_one_line(value: Any) -> str:
    """The same where neither tabs nor line ends can be written: they become spaces."""
    return APART.sub(" ", cell(value).rstrip("\r\n"))


def steps_of(values: Sequence[Any]) -> int:
    """How many lines a row has of which each step has one: as many as the last value, its answer, or else the longest
    list.
    """
    lists = [value for value in values if isinstance(value, list)]
    return len(values[-1]) if values and isinstance(values[-1], list) else max(map(len, lists), default=0)


def needs(path: Path, names: Sequence[str], *needed: str) -> None:
    """Raises ConfigurationError where columns are not there without which a format has no records."""
    gone = [name for name in needed if name not in names]
    if gone:
        there = shown(", ".join(names), 200)
        raise ConfigurationError(
            f"output={path.name.removeprefix('.writing_')}: what is read has no column '{gone[0]}' but {there}, so no "
            f"{path.suffix} can be written of it; write a .jsonl"
        )


def answer_of(row: Mapping[str, Any], names: Sequence[str], known: Sequence[str], own: str) -> Any:
    """The answer of a row: in the last column that is none of those that a format knows, or else in its own."""
    others = [name for name in names if name not in known]
    return row.get(others[-1] if others else own)


def line(to: TextIO, *cells: str, delimiter: str = "\t") -> None:
    """Write a line of cells."""
    to.write(delimiter.join(cells) + "\n")
