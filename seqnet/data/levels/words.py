"""One number a word."""

import unicodedata
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from seqnet.data.counts import Counts
from seqnet.data.levels.cutting import in_pieces, whole_words
from seqnet.data.vocabulary import LINE_END, UNKNOWN, Vocabulary, smallest


class Parting(dict[int, str]):
    """For str.translate: a space on either side of each punctuation mark and symbol."""

    def __missing__(self, point: int) -> str:
        letter = chr(point)
        self[point] = f" {letter} " if unicodedata.category(letter)[0] in "PS" else letter
        return self[point]


class Words:
    """One number for each piece between white space.

    punctuation: each punctuation mark and symbol is a word of its own. line_ends: so is the end of a line, `<eos>`,
    as the Penn Treebank's language models are scored.
    """

    unknown: int | None = 0
    forbidden: tuple[int, ...] = (0,)

    def __init__(self, size: int | None, min_count: int, punctuation: bool = False, line_ends: bool = False) -> None:
        self._size, self._min_count = size, min_count
        self._parting = Parting() if punctuation else None
        self.line_ends = line_ends
        self.special = (UNKNOWN, LINE_END) if line_ends else (UNKNOWN,)
        self._counts = Counts()
        self.vocabulary = Vocabulary(self.special)

    @property
    def names(self) -> tuple[str, ...]:
        """Every word, in the order of its number."""
        return self.vocabulary.names

    def split(self, text: str) -> list[str]:
        """The words of a text."""
        if self._parting is not None:
            text = text.translate(self._parting)
        if self.line_ends:
            text = text.replace("\n", f" {LINE_END} ")
        return text.split()

    @property
    def _splitter(self) -> Callable[[str], list[str]]:
        """As `split`, and quicker where white space is all there is to it."""
        return self.split if self._parting is not None or self.line_ends else str.split

    def observe(self, texts: Sequence[str]) -> None:
        """Count the words."""
        for _, pieces in in_pieces(texts, whole_words):
            self._counts.update(chain.from_iterable(map(self._splitter, pieces)))

    @property
    def full(self) -> bool:
        """Whether so many were counted that another is to join them."""
        return self._counts.full

    def join(self, other: "Words") -> None:
        """Count what another has counted, which then has nothing."""
        self._counts.join(other._counts)

    def learned(self) -> None:
        """Number the words."""
        self.vocabulary = Vocabulary.build(self._counts, self.special, self._size, self._min_count)
        self._counts = Counts()

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """See Encoding."""
        flats, lengths = [np.zeros(0, smallest(len(self.names)))], np.zeros(len(texts), np.int64)
        for rows, pieces in in_pieces(texts, whole_words):
            flat, counts = self.vocabulary.encode_all(list(map(self._splitter, pieces)))
            flats.append(flat)
            np.add.at(lengths, rows, counts)
        return np.concatenate(flats), lengths

    def decode(self, ids: Sequence[int]) -> str:
        """The words, a space before each but at the beginning of a line, so that texts can be put end to end."""
        words = self.vocabulary.decode(ids)
        if not self.line_ends:
            return "".join(f" {word}" for word in words)
        text = ""
        for word in words:
            text += "\n" if word == LINE_END else word if text.endswith("\n") else f" {word}"
        return text

    def state(self) -> list[str]:
        """The vocabulary."""
        return self.vocabulary.state()

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError."""
        self.vocabulary = Vocabulary.restore(state, self.special)
