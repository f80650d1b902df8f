"""Lines in from a file or standard input, lines out to a file or standard output."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from seqnet.errors import ConfigurationError, DataError


@contextmanager
def writer(output: str | None) -> Iterator[Callable[[str], None]]:
    """A function that writes one line, to `output` or to standard output. Raises ConfigurationError."""
    if output is None:

        def write(line: str) -> None:
            print(line, flush=True)

        yield write
        return
    try:
        file = Path(output).open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"output={output} cannot be written: {error.strerror}") from error
    with file:
        yield lambda line: print(line, file=file)


def chunks(path: str | None, size: int) -> Iterator[tuple[list[str], int]]:
    """`size` lines at a time of a file or standard input, without their ends, and the first one's number.

    Raises DataError for a file that cannot be read and bytes that are not UTF-8, with file and line.
    """
    where = path or "standard input"
    try:
        file = Path(path).open("rb") if path else sys.stdin.buffer
    except OSError as error:
        raise DataError(f"input={path} cannot be read: {error.strerror}") from error
    try:
        first = 1
        while raw := list(islice(file, size)):
            lines = []
            for number, line in enumerate(raw, first):
                try:
                    lines.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"))
                except UnicodeDecodeError as error:
                    raise DataError(f"{where}, line {number}: not UTF-8 ({error.reason})") from error
            yield lines, first
            first += len(raw)
    finally:
        if path:
            file.close()
