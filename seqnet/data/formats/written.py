"""Values as they are written into a file."""

from typing import Any, TextIO

from seqnet import strict_json


def cell(value: Any) -> str:
    """A value as the text of a cell: nothing for None, JSON for what is no text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else strict_json.dumps(value, ensure_ascii=False)


def in_one_line(value: Any) -> str:
    """The same where neither tabs nor line ends can be written: they become spaces."""
    return " ".join(cell(value).replace("\t", " ").splitlines())


def line(to: TextIO, *cells: str, delimiter: str = "\t") -> None:
    """Write a line of cells."""
    to.write(delimiter.join(cells) + "\n")
