"""Text to token numbers and back, by characters, words or byte pairs, learned and encoded in blocks."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

from seqnet.data.levels.byte_pairs import BYTES, BytePairs
from seqnet.data.levels.characters import Characters
from seqnet.data.levels.words import Words


class Encoding(Protocol):
    """A level: `observe` is called with block after block of texts, then `learned` once, then the others.

    forbidden: numbers that stand for no text of their own, never to be generated. unknown: the number of what
    training did not see, None where there is no such thing. encode_all: numbers end to end, in the smallest type
    that holds them, and how many each text has.
    """

    names: tuple[str, ...]
    forbidden: tuple[int, ...]
    unknown: int | None

    def observe(self, texts: Sequence[str]) -> None: ...
    def learned(self) -> None: ...
    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def state(self) -> Any: ...
    def restore(self, state: Any) -> None: ...  # raises DataError


LEVELS: dict[str, Any] = {"characters": Characters, "words": Words, "bpe": BytePairs}
Level = Literal["characters", "words", "bpe"]


def least_size(level: str, line_ends: bool = False) -> int:
    """The smallest vocabulary of a level that can learn something."""
    return BYTES + 1 if level == "bpe" else 2 + (level == "words" and line_ends)
