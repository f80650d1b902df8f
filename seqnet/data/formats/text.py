"""The lines of a file in blocks, decoded; what cannot be read is named with its line."""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from seqnet.data.files import BLOCK as PASSED
from seqnet.data.files import LONGEST, NUL, RETURN
from seqnet.data.formats.opening import stream
from seqnet.errors import ConfigurationError, DataError

SIZE = 1 << 15  # bytes read at a time; of so few rows Python's collector of garbage keeps out
WIDE = ("utf-16", "utf-32")  # whose line ends are not the byte of one


@dataclass(frozen=True)
class LineBlock:
    """Some whole lines, without their ends. first: the number of the first; problems: by place, what is wrong."""

    first: int
    texts: list[str]  # "" where there is a problem
    problems: dict[int, str]

    def then(self, more: "LineBlock") -> "LineBlock":
        """These and those that follow them."""
        by = len(self.texts)
        problems = self.problems | {by + place: problem for place, problem in more.problems.items()}
        return LineBlock(self.first, self.texts + more.texts, problems)

    def behind(self, taken: int) -> "LineBlock":
        """These without the first ones."""
        problems = {place - taken: problem for place, problem in self.problems.items() if place >= taken}
        return LineBlock(self.first + taken, self.texts[taken:], problems)


NO_LINES = LineBlock(1, [], {})


def check_encoding(encoding: str) -> str:
    """The name of an encoding, as Python writes it. Raises ConfigurationError where there is none of that name."""
    try:
        codec = codecs.lookup(encoding)
        "a".encode(encoding)
    except (LookupError, ValueError, UnicodeError) as error:
        raise ConfigurationError(
            f"data.format.encoding={encoding} is no encoding; give one such as utf-8, cp1252, latin-1 or utf-16"
        ) from error
    return codec.name


def read_blocks(file: Any, encoding: str = "utf-8") -> Iterator[LineBlock]:
    """All lines of a file, in small blocks; a byte order mark and CRLF are accepted. Raises DataError."""
    with stream(file) as raw:
        source = as_utf8(raw, encoding, str(file)) if encoding.startswith(WIDE) else raw
        if encoding.startswith(WIDE):
            encoding = "utf-8"
        first = 1
        while block := source.read(SIZE):
            too_long = False
            if not block.endswith(b"\n"):
                tail = source.readline(LONGEST + 1)
                block += tail
                if too_long := len(block) - block.rfind(b"\n") > LONGEST + 1:
                    while tail and not tail.endswith(b"\n"):
                        tail = source.readline(PASSED)
            lines = decode(block, encoding, first, too_long)
            yield lines
            first += len(lines.texts)


def as_utf8(raw: BinaryIO, encoding: str, where: str) -> BinaryIO:
    """Text of wide characters as UTF-8. Reading it raises DataError where it is not text of that encoding."""
    return io.BufferedReader(_Again(io.TextIOWrapper(raw, encoding, newline=""), encoding, where), 1 << 16)


class _Again(io.RawIOBase):
    """A text's letters as bytes of UTF-8."""

    def __init__(self, text: io.TextIOWrapper, encoding: str, where: str) -> None:
        self._text, self._encoding, self._where = text, encoding, where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._text.read(max(len(buffer) // 4, 1)).encode()
        except UnicodeError as error:
            raise DataError(
                f"{self._where}: is not {self._encoding}, as data.format.encoding says ({error}); give the right one"
            ) from error
        buffer[: len(data)] = data
        return len(data)


def decode(block: bytes, encoding: str, first: int, too_long: bool = False) -> LineBlock:
    """Whole lines as text. too_long: the last one is, and not all of it is there."""
    if first == 1 and encoding == "utf-8":
        block = block.removeprefix(codecs.BOM_UTF8)
    ended = block.removesuffix(b"\n")
    if b"\0" not in block and not too_long:
        try:
            text = ended.decode(encoding)
        except UnicodeDecodeError:
            pass  # found again below, with its line
        else:
            if "\r" in text:
                text = text.replace("\r\n", "\n").removesuffix("\r")
            if "\r" not in text:
                return LineBlock(first, text.split("\n"), {})
    texts, problems = [], {}
    raws = ended.split(b"\n")
    for place, raw in enumerate(raws):
        text, problem = _line(raw, encoding, first + place, too_long and place == len(raws) - 1)
        texts.append(text)
        if problem is not None:
            problems[place] = problem
    return LineBlock(first, texts, problems)


def _line(raw: bytes, encoding: str, number: int, too_long: bool) -> tuple[str, str | None]:
    if too_long:
        return "", f"the line is longer than {LONGEST >> 20} MiB, so this is no row"
    if b"\0" in raw:
        wide = _wide(raw) if number == 1 else None
        return "", f"the line {NUL}" + (f" (or it is UTF-16: data.format.encoding={wide})" if wide else "")
    try:
        text = raw.decode(encoding).removesuffix("\r")
    except UnicodeDecodeError as error:
        return "", not_encoded(error.start + 1, encoding)
    return ("", f"the line {RETURN}") if "\r" in text else (text, None)


def _wide(first: bytes) -> str | None:
    """The UTF-16 that a first line is of, by its mark or as every second byte is 0; None where it is of neither."""
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zero = {"utf-16-le": first[1::2], "utf-16-be": first[::2]}
    return next((name for name, bytes_ in zero.items() if bytes_ and not any(bytes_)), None)


def not_encoded(byte: int, encoding: str) -> str:
    """The problem with a byte that is none of the encoding's."""
    if encoding != "utf-8":
        return f"byte {byte} of the line is not {encoding}, as data.format.encoding says"
    return (
        f"byte {byte} of the line is not UTF-8 (data.format.encoding=cp1252 reads what was written in Western Europe, "
        "cp1250, cp1251 or mac-roman other text)"
    )


def numbered(file: Any, encoding: str = "utf-8") -> Iterator[tuple[int, str, str | None]]:
    """Number, text and problem of each line. Raises DataError."""
    for lines in read_blocks(file, encoding):
        for place, text in enumerate(lines.texts):
            yield lines.first + place, text, lines.problems.get(place)


def beginning(file: Any, encoding: str = "utf-8", most: int = 40) -> list[str]:
    """Those of the first lines that can be read, blank ones too. Raises DataError."""
    return [text for _, text, problem in islice(numbered(file, encoding), most) if problem is None]
