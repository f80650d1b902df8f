"""Vectors of words that were trained elsewhere: files of GloVe, fastText (.vec) and word2vec, text and binary.

Text: a line a word, the word and its numbers with spaces between them; fastText and word2vec begin with a line of
how many words and how many numbers. word2vec's binary file begins so too, then come each word, a space, its numbers
as 32-bit floats. Any may be compressed (gz, xz, zst).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from seqnet.data.files import shown
from seqnet.data.formats.opening import stream
from seqnet.errors import DataError

LONGEST = 1 << 20  # bytes of a line
WIDEST = 100_000  # numbers of a word


@dataclass(frozen=True)
class WordVectors:
    """What a file knows of a vocabulary: vectors [found width] float32, and these words' places in it, [found]."""

    vectors: Tensor
    places: Tensor

    @property
    def width(self) -> int:
        """How many numbers a word has."""
        return self.vectors.shape[1]


def read(path: Path, names: Sequence[str]) -> WordVectors:
    """The vectors of the words of a vocabulary, one after the other as the file has them; no more are held.

    A word that the file has only in lower case has that one's vector. Where a word is there twice the first counts.
    Raises DataError with the line, or the word of a binary file, that is wrong, and where no word is known.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; name one of word vectors with model.embeddings=")
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    lowered: dict[str, list[int]] = {}
    for name, own in places.items():
        if name.lower() not in places:
            lowered.setdefault(name.lower(), []).extend(own)
    wanted = places | lowered
    found: dict[str, np.ndarray] = {}
    with stream(path) as file:
        for word, vector in _entries(file, path, wanted):
            found.setdefault(word, vector)
    if not found:
        raise DataError(
            f"{path}: none of the {len(names)} entries of the vocabulary is among its words; is it of this language, "
            "and is the field read as words?"
        )
    rows = [(place, vector) for word, vector in found.items() for place in wanted[word]]
    return WordVectors(
        torch.from_numpy(np.stack([vector for _, vector in rows])), torch.tensor([place for place, _ in rows])
    )


def _entries(file: BinaryIO, path: Path, wanted: Mapping[str, object]) -> Iterator[tuple[str, np.ndarray]]:
    """The wanted words and their vectors."""
    first = file.readline(LONGEST)
    head = first.split()
    if len(head) == 2 and all(part.isdigit() for part in head):
        words, width = int(head[0]), int(head[1])
        if not 1 <= width <= WIDEST:
            raise DataError(f"{path}, line 1: a word would have {width} numbers; it must be from 1 to {WIDEST}")
        line = file.readline(LONGEST)
        if _is_text(line, width):
            yield from _of_lines(file, path, wanted, width, line, 2)
        else:
            yield from _of_bytes(file, path, wanted, width, words, line)
        return
    if not _is_text(first, 1):
        raise DataError(
            f"{path}, line 1: '{shown(first[:40].decode('utf-8', 'replace').strip())}' is neither a word with its "
            "numbers nor two whole numbers, how many words there are and how many numbers each has"
        )
    yield from _of_lines(file, path, wanted, len(head) - 1, first, 1)


def _is_text(line: bytes, width: int) -> bool:
    """Whether the end of a line is so many numbers in text."""
    parts = line.split()
    return len(parts) > width and _numbers(parts[-width:]) is not None


def _numbers(parts: Sequence[bytes]) -> np.ndarray | None:
    """Texts as finite numbers; None where one is none."""
    try:
        found = np.array([float(part) for part in parts], np.float32)
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def _of_lines(
    file: BinaryIO, path: Path, wanted: Mapping[str, object], width: int, line: bytes, number: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Of a text file. line: the first one with a word, and its number."""
    while line:
        word, _, rest = line.partition(b" ")
        if word.decode("utf-8", "replace") in wanted:  # the numbers of other words are not looked at
            parts = rest.split()
            vector = _numbers(parts[-width:]) if len(parts) >= width else None
            if vector is None or (len(parts) > width and _numbers(parts[:-width]) is not None):
                raise DataError(
                    f"{path}, line {number}: behind the word must be {width} finite numbers, as in the lines before; "
                    "mend the file, or load it anew"
                )
            if len(parts) == width:  # else it is the first of several words that have one vector
                yield word.decode("utf-8"), vector
        line = file.readline(LONGEST)
        number += 1


def _of_bytes(
    file: BinaryIO, path: Path, wanted: Mapping[str, object], width: int, words: int, read: bytes
) -> Iterator[tuple[str, np.ndarray]]:
    """Of a binary file. read: what was read behind its first line."""
    size, held = 4 * width, bytearray(read)
    for number in range(1, words + 1):
        while (space := held.find(b" ")) < 0 or len(held) < space + 1 + size:
            more = file.read(1 << 16)
            if not more or len(held) > LONGEST + size:
                raise DataError(
                    f"{path}, word {number} of {words}: the file ends here, or holds something else; load it anew"
                )
            held += more
        word = bytes(held[:space]).lstrip(b"\n").decode("utf-8", "replace")
        if word in wanted:
            vector = np.frombuffer(bytes(held[space + 1 : space + 1 + size]), "<f4").astype(np.float32)
            if not np.isfinite(vector).all():
                raise DataError(f"{path}, word {number} of {words}: its numbers are not all finite; load the file anew")
            yield word, vector
        del held[: space + 1 + size]
