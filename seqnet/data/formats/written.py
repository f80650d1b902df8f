"""Values as they are written into a file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from seqnet import strict_json


@contextmanager
def text(path: Path) -> Iterator[TextIO]:
    """A new file of text; halves of letters, which no file holds, become question marks."""
    with path.open("w", encoding="utf-8", errors="replace", newline="") as to:
        yield to


def plain(value: Any) -> Any:
    """A value as JSON says it: lists for arrays, dates by ISO 8601, None for what has no words, such as a picture."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(plain, value))
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else None


def cell(value: Any) -> str:
    """A value as the text of a cell: nothing for None, JSON for what is no text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else strict_json.dumps(plain(value), ensure_ascii=False)


def whole(text: str) -> str:
    """The text with question marks for halves of letters, which no file holds."""
    return text.encode("utf-8", "replace").decode()


def in_one_line(value: Any) -> str:
    """The same where neither tabs nor line ends can be written: they become spaces."""
    return " ".join(cell(value).replace("\t", " ").splitlines())


def steps_of(values: Sequence[Any]) -> int:
    """How many lines a row has of which each step has one: as many as the last value, its answer, or else the longest
    list.
    """
    lists = [value for value in values if isinstance(value, list)]
    return len(values[-1]) if values and isinstance(values[-1], list) else max(map(len, lists), default=0)


def line(to: TextIO, *cells: str, delimiter: str = "\t") -> None:
    """Write a line of cells."""
    to.write(delimiter.join(cells) + "\n")
