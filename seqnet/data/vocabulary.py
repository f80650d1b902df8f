"""A numbered list of the tokens that the training split has."""

import heapq
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any, Protocol

import numpy as np

from seqnet.errors import ConfigurationError, DataError

PADDING = "<pad>"
UNKNOWN = "<unk>"
LINE_END = "<eos>"


class Counted(Protocol):
    """Tokens and how often each occurs."""

    def items(self) -> Iterable[tuple[str, int]]: ...


class Vocabulary:
    """`special` entries, then tokens, each at its number; a token that is none of them is `<unk>`.

    names: all entries in order, special ones included. Raises ValueError where one occurs twice.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}
        if len(self._numbers) < len(self.names):
            raise ValueError("an entry occurs twice")
        self.unknown = self._numbers[UNKNOWN]

    @classmethod
    def build(
        cls, counts: Counted, special: Sequence[str], max_size: int | None = None, min_count: int = 1
    ) -> "Vocabulary":
        """The most frequent tokens first, those of one frequency by the alphabet.

        max_size: how many entries at most, the special ones counted. min_count: rarer tokens are left out.
        """
        pairs = ((-count, token) for token, count in counts.items() if count >= min_count and token not in special)
        # Of more words than memory holds, no more than is kept is held at a time.
        most = None if max_size is None else max(0, max_size - len(special))
        kept = sorted(pairs) if most is None else heapq.nsmallest(most, pairs)
        return cls((*special, *(token for _, token in kept))[:max_size])

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The number of each token."""
        return list(map(self._numbers.get, tokens, repeat(self.unknown)))

    def encode_all(self, rows: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of rows of tokens, end to end in the smallest type that holds them, and each row's length."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        numbers = map(self._numbers.get, chain.from_iterable(rows), repeat(self.unknown))
        return np.fromiter(numbers, smallest(len(self)), int(lengths.sum())), lengths

    def encode_padded(self, rows: Sequence[Sequence[str]], width: int) -> np.ndarray:
        """The numbers of rows of at most `width` tokens, [rows width], 0 behind a row's last."""
        flat, lengths = self.encode_all(rows)
        made = np.zeros((len(lengths), width), flat.dtype)
        made[np.arange(width) < lengths[:, None]] = flat
        return made

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The token of each number."""
        return [self.names[number] for number in ids]

    def state(self) -> list[str]:
        """The entries in order."""
        return list(self.names)

    @classmethod
    def restore(cls, state: Any, special: Sequence[str]) -> "Vocabulary":
        """The inverse of `state`. Raises DataError where it is malformed."""
        well_formed = isinstance(state, list) and all(isinstance(name, str) and is_text(name) for name in state)
        if not well_formed or len(set(state)) < len(state) or tuple(state[: len(special)]) != tuple(special):
            raise DataError(
                f"the stored vocabulary is not a list of different tokens that begins with {', '.join(special)}; "
                "it was not written by this data source"
            )
        return cls(state)


def is_text(name: str) -> bool:
    """Whether it can be written: JSON can hold half of a surrogate pair, which is no character."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def smallest(size: int) -> type[np.integer[Any]]:
    """The smallest type of array that holds every number of a vocabulary of that size, and that torch has too."""
    return np.uint8 if size <= 1 << 8 else np.int16 if size <= 1 << 15 else np.int32


def check_limits(vocabulary_size: int | None, min_count: int, least: int, section: str = "data") -> None:
    """Raises ConfigurationError for a size below `least`, or a count below 1. section: where the options stand."""
    if vocabulary_size is not None and vocabulary_size < least:
        raise ConfigurationError(
            f"{section}.vocabulary_size is {vocabulary_size}; it must be at least {least}, or null for no limit"
        )
    if min_count < 1:
        raise ConfigurationError(f"{section}.min_count is {min_count}; it must be at least 1")


def restore_names(names: Any, what: str) -> tuple[str, ...]:
    """A stored list of different names. Raises DataError where it is none."""
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and is_text(name) for name in names):
        raise DataError(f"the stored data state has no list of {what}")
    if len(set(names)) < len(names):
        raise DataError(f"the stored data state has the same name twice among its {what}")
    return tuple(names)
