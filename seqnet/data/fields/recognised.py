"""What a file is by its first bytes, for the sentence of a field that does not read it: what it is, and what does."""

from collections.abc import Callable

from seqnet.data.fields import film

PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"P5", b"P6")
SOUNDS = (b"fLaC", b"OggS", b"ID3", b"FORM")
KINDS: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (film.is_film, "a film", "a field of type frames"),
    (lambda raw: raw.startswith(PICTURES), "a picture", "a field of type image"),
    (
        lambda raw: raw.startswith(SOUNDS) or (raw[:4], raw[8:12]) == (b"RIFF", b"WAVE"),
        "a recording",
        "a field of type audio",
    ),
    (lambda raw: raw.startswith(b"MThd"), "MIDI", "data/format=midi"),
)


def but(raw: bytes, *reads: str) -> str:
    """` but a film, which a field of type frames reads`; "" for what is not known, or what these types read."""
    for is_one, name, reader in KINDS:
        if reader.split()[-1] not in reads and is_one(raw):
            return f" but {name}, which {reader} reads"
    return ""
