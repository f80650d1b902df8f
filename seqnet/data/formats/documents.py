"""Running text: a file is a document."""

import codecs
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, ClassVar

from seqnet.data.files import NUL, BadRows
from seqnet.data.formats import format as sizes
from seqnet.data.formats.columns import resolve
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.opening import stream
from seqnet.data.formats.text import WIDE, as_utf8, check_encoding, not_encoded

NAMES = ("text",)


class Documents(Format):
    """A text a file, handed out in pieces of 16 MiB that end where a line does; its line ends become \\n.

    A line that cannot be read is a bad row, and the document goes on without it. Raises ConfigurationError for an
    encoding that is none.
    """

    endings: ClassVar = (".txt", ".text", ".md")
    several: ClassVar = True
    parted: ClassVar = True

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = check_encoding(encoding)

    def header(self, file: Any) -> tuple[str, ...] | None:
        """There is one column, `text`."""
        return NAMES

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The text, in pieces; a file without any is a bad row. Raises DataError with the line."""
        wanted = resolve(columns, NAMES, 1, str(file))
        blank, before = list[tuple[int, str]](), bad.count  # pieces before the first in which there is something
        continues = False
        for piece in self._pieces(file, bad):
            blank.append(piece)
            if not continues and not piece[1].strip():
                continue
            for number, text in blank:
                if text:
                    yield Rows([number], [[text] if index == 0 else [[text]] for index in wanted], continues)
                    continues = True
            blank = []
        if not continues and bad.count == before:
            bad(file, 1, "there is no text in the file")

    def _pieces(self, file: Any, bad: BadRows) -> Iterator[tuple[int, str]]:
        with stream(file) as raw:
            source = as_utf8(raw, self.encoding, str(file)) if self.encoding.startswith(WIDE) else raw
            encoding = "utf-8" if self.encoding.startswith(WIDE) else self.encoding
            number = 1
            for place, piece in enumerate(_cut(source)):
                if place == 0 and encoding == "utf-8":
                    piece = piece.removeprefix(codecs.BOM_UTF8)
                yield number, _decoded(piece, encoding, file, number, bad)
                number += piece.count(b"\n")


def _cut(source: BinaryIO) -> Iterator[bytes]:
    """Pieces of BYTES bytes, cut behind a line's end, where there is none behind a space or a whole letter."""
    rest = b""
    while True:
        piece = rest + source.read(max(sizes.BYTES - len(rest), 1))
        if len(piece) < sizes.BYTES:
            if piece:
                yield piece
            return
        cut = piece.rfind(b"\n") + 1 or piece.rfind(b"\r", 0, -1) + 1 or piece.rfind(b" ") + 1 or _whole(piece)
        yield piece[:cut]
        rest = piece[cut:]


def _whole(piece: bytes) -> int:
    """Where the last letter of UTF-8 begins that may go on behind the piece."""
    cut = len(piece) - 1
    while cut > max(len(piece) - 4, 1) and 0x80 <= piece[cut] < 0xC0:
        cut -= 1
    return max(cut, 1)


def _decoded(piece: bytes, encoding: str, file: Any, first: int, bad: BadRows) -> str:
    text = None
    if b"\0" not in piece:
        try:
            text = piece.decode(encoding)
        except UnicodeDecodeError:
            pass  # found again below, with its line
    if text is None:
        kept = []
        for number, raw in enumerate(piece.split(b"\n"), first):
            try:
                line = raw.decode(encoding)
            except UnicodeDecodeError as error:
                bad(file, number, not_encoded(error.start + 1, encoding))
                continue
            if "\0" in line:
                bad(file, number, f"the line {NUL}")
            else:
                kept.append(line)
        text = "\n".join(kept)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
