"""The encoding of a text, by its bytes."""

import codecs
from typing import Any

from seqnet.data.formats.find import Part
from seqnet.data.formats.opening import Beside, Inside, stream
from seqnet.data.inspection.profile import LOOKED_AT

PEEK = 1 << 20  # bytes at a time


def encoding_of(file: Any) -> str:
    """utf-8, utf-16 where the first bytes say so, or cp1252 where bytes are none of UTF-8. Raises DataError."""
    wide, narrow, looked = 0, 0, 0
    with stream(file) as raw:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        while (block := raw.read(PEEK)) and looked < LOOKED_AT:
            if not looked and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            looked += len(block)
            if block.isascii():
                continue
            text = decoder.decode(block)
            known = text.encode("utf-8", "ignore").decode()  # without what are no letters of UTF-8
            narrow += len(text) - len(known)
            wide += len(known) - len(known.encode("ascii", "ignore"))
    return "cp1252" if narrow > wide else "utf-8"


def has_mark(file: Any) -> bool:
    """Whether a file begins with the byte order mark of UTF-8. Raises DataError."""
    with stream(file) as raw:
        return raw.read(3) == codecs.BOM_UTF8


def encoding_of_part(part: Part) -> str | None:
    """Of a file of text; `bom` of UTF-8 with a byte order mark; None of others. Raises DataError."""
    if getattr(part.format, "local", False) or part.format.unit in ("piece",):
        return None
    file = part.file.files[0] if isinstance(part.file, Beside) else part.file
    if isinstance(file, Inside):
        file = file.file
    if not hasattr(file, "name") or hasattr(file, "rows"):
        return None
    found = encoding_of(file)
    return "bom" if found == "utf-8" and has_mark(file) else found
