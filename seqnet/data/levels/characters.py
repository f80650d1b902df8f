"""One number a character."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.levels.cutting import code_points
from seqnet.data.vocabulary import UNKNOWN, Vocabulary, smallest
from seqnet.errors import DataError

SEEN = 256  # code points that are counted from the first
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Characters:
    """One number a character (a Unicode code point)."""

    special: ClassVar = (UNKNOWN,)
    unknown: int | None = 0
    forbidden: tuple[int, ...] = (0,)
    names: tuple[str, ...]

    def __init__(self, size: int | None, min_count: int) -> None:
        self._size, self._min_count = size, min_count
        self._counts = np.zeros(SEEN, np.int64)  # by code point, as far as one was seen

    def observe(self, texts: Sequence[str]) -> None:
        """Count the characters."""
        for points in code_points(texts):
            self._add(np.bincount(points))

    def _add(self, found: np.ndarray) -> None:
        if len(found) > len(self._counts):
            self._counts, found = found, self._counts
        self._counts[: len(found)] += found

    def join(self, other: "Characters") -> None:
        """Count what another has counted, which then has nothing."""
        self._add(other._counts)
        other._counts = np.zeros(0, np.int64)

    def learned(self) -> None:
        """Number the characters."""
        counts = Counter({chr(point): int(self._counts[point]) for point in self._counts.nonzero()[0].tolist()})
        self._know(Vocabulary.build(counts, self.special, self._size, self._min_count))

    def _know(self, vocabulary: Vocabulary) -> None:
        self.names = vocabulary.names
        points = [ord(name) for name in self.names[1:]]
        self._numbers = np.zeros(0x110000, smallest(len(self.names)))
        self._numbers[points] = np.arange(1, len(self.names))

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """See Encoding."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        flat = np.empty(int(lengths.sum()), self._numbers.dtype)
        begin = 0
        for points in code_points(texts):
            np.take(self._numbers, points, out=flat[begin : begin + len(points)], mode="clip")
            begin += len(points)
        return flat, lengths

    def decode(self, ids: Sequence[int]) -> str:
        """The characters, an unknown one as U+FFFD."""
        return "".join(REPLACEMENT if number == self.unknown else self.names[number] for number in ids)

    def state(self) -> list[str]:
        """The vocabulary."""
        return list(self.names)

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError."""
        vocabulary = Vocabulary.restore(state, self.special)
        if any(len(name) != 1 for name in vocabulary.names[1:]):
            raise DataError("the stored vocabulary holds entries that are no characters")
        self._know(vocabulary)
