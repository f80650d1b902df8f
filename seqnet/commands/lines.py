"""Lines in from a file or standard input, lines out to a file or standard output."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from seqnet.data.files import LONGEST, NUL, RETURN
from seqnet.errors import ConfigurationError, DataError, DiskError
from seqnet.terminal import NobodyReads, answer, standard_output, warn

BLOCK = 1 << 20  # bytes read at a time; of a pipe or a terminal whatever is there


def in_words(config: Mapping[str, Any]) -> bool:
    """Whether answers are words for people, as on a terminal, not JSON for programs. Raises ConfigurationError."""
    form, output = config["format"], config["output"]
    if output is None:
        return bool(form == "text" or (form is None and standard_output().isatty()))
    if form is not None and not (form == "json" and Path(output).suffix in ("", ".jsonl")):
        raise ConfigurationError(f"format={form}: the ending of output={output} says what is written; leave format out")
    return False


@contextmanager
def writer(output: str | None) -> Iterator[Callable[[str], None]]:
    """A function that writes one line, to standard output or to the file `output`, whole or not at all.

    Raises ConfigurationError for a file that cannot be made and DiskError for a disk that is full.
    """
    if output is None:
        yield to_standard_output()
        return
    with replacing(output) as path, path.open("w", encoding="utf-8") as file:

        def write(line: str) -> None:
            file.write(f"{line}\n")

        yield write


def to_standard_output() -> Callable[[str], None]:
    """A function that writes one line there. Raises ConfigurationError where it is closed."""
    if sys.stdout is None:
        raise ConfigurationError("standard output is closed; name a file for the answers with output=")
    return answer


@contextmanager
def replacing(output: str) -> Iterator[Path]:
    """Where to write what becomes the file `output` once all of it is there; of a pipe or a device, that itself.

    Raises ConfigurationError for a file that cannot be made and DiskError for a disk that is full.
    """
    path = Path(output)
    special = path.exists() and not path.is_file()  # a pipe, a device: nothing to be kept whole
    temporary = path if special else path.with_name(f".writing_{path.name}")
    try:
        if not special:
            temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
            temporary.touch()
    except OSError as error:
        raise ConfigurationError(f"output={output} cannot be written: {error.strerror}") from error
    try:
        yield temporary
        if not special:
            os.replace(temporary, path)
    except BrokenPipeError as error:
        raise NobodyReads from error
    except OSError as error:
        raise DiskError(f"output={output} cannot be written: {error.strerror}; free some space") from error
    finally:
        if not special:
            temporary.unlink(missing_ok=True)


def blocks(path: str | None, problems: dict[int, str] | None = None) -> Iterator[tuple[list[str], int]]:
    """Lines of a file or standard input, without their ends, as many as are there, and the first one's number.

    A pipe that is fed line by line is thus answered line by line. problems: takes what is wrong with a line that is no
    text, which is empty then. Raises DataError for a file that cannot be read and, without `problems`, bytes that are
    not UTF-8, with file and line.
    """
    where = path or "standard input"
    if path is None and sys.stdin is None:
        raise DataError("standard input is closed; pipe lines into it, or name a file with input=")
    try:
        file: BinaryIO = Path(path).open("rb") if path else sys.stdin.buffer
    except OSError as error:
        raise DataError(f"input={path} cannot be read: {error.strerror}") from error
    if path is None and sys.stdin.isatty():
        warn("reading lines from the terminal; Ctrl-D ends")
    try:
        first, rest = 1, b""
        while data := _read(file, where):
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                yield _decoded(lines, where, first, problems), first
                first += len(lines)
            if len(rest) > LONGEST:
                raise DataError(f"{where}, line {first}: the line is longer than {LONGEST >> 20} MiB; shorten it")
        if rest:
            yield _decoded([rest], where, first, problems), first
    finally:
        if path:
            file.close()


def _read(file: BinaryIO, where: str) -> bytes:
    try:
        data: bytes = file.read1(BLOCK)  # type: ignore[attr-defined]
    except OSError as error:
        raise DataError(f"{where} cannot be read: {error.strerror}") from error
    return data


def _decoded(lines: list[bytes], where: str, first: int, problems: dict[int, str] | None) -> list[str]:
    texts = []
    for number, line in enumerate(lines, first):
        try:
            texts.append(_text(line, number, f"{where}, line {number}"))
        except DataError as error:
            if problems is None:
                raise
            problems[number] = str(error)
            texts.append("")
    return texts


def _text(line: bytes, number: int, place: str) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not UTF-8 ({error.reason})") from error
    for letter, problem in (("\0", NUL), ("\r", RETURN)):
        if letter in text:
            raise DataError(f"{place}: the line {problem}")
    return text
