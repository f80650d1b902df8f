"""Sums of two numbers, character by character: Keras' example addition_rnn.py, after Zaremba & Sutskever (2014)."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.generation import generator
from seqnet.data.numbers import brief
from seqnet.data.written import Written
from seqnet.errors import ConfigurationError, DataError
from seqnet.options import Rows, whole

CHARACTERS = "0123456789+ "
MOST_DIGITS = 18  # that int64 holds
DRAWN_AT_ONCE = 10000


class Addition(Written):
    """Read `12+345`, write `357`: numbers of 1 to `digits` digits, each digit drawn from 0 to 9.

    A question is padded with spaces to 2 * digits + 1 characters and, where `reversed`, turned round; its answer is
    padded to digits + 1. No question occurs twice, a+b and b+a being the same. As published, train and valid are the
    first questions drawn, shuffled. Test are those drawn next, which no other split has: few of them are short, as
    most short ones were drawn before.
    """

    between = ""

    def __init__(
        self,
        seed: int,
        digits: Annotated[int, whole(1, MOST_DIGITS)] = 3,
        reversed: bool = True,
        train_size: Rows = 45000,
        valid_size: Rows = 5000,
        test_size: Rows = 5000,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        if not 1 <= digits <= MOST_DIGITS:
            raise ConfigurationError(f"data.digits must be from 1 to {MOST_DIGITS}, not {digits}")
        asked, possible = sum(self.sizes.values()), 10**digits * (10**digits + 1) // 2
        if asked > possible:
            raise ConfigurationError(
                f"data.train_size, data.valid_size and data.test_size ask for {asked} questions, and with "
                f"data.digits={digits} there are {possible}: make them smaller"
            )
        self.digits = digits
        self.reversed = reversed
        self.readable = f"two numbers of at most {digits} digits, such as {'12+345' if digits > 2 else '1+2'}"
        self.know(CHARACTERS, CHARACTERS, digits + 1)

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`."""
        train, valid, _ = self.sizes.values()
        if name == "test":
            rows = self._questions[train + valid :]
        else:
            order = torch.randperm(train + valid, generator=generator(self.seed, "order")).tolist()
            chosen = order[:train] if name == "train" else order[train:]
            rows = [self._questions[row] for row in chosen]
        source = [self.padded(f"{a}+{b}") for a, b in rows]
        targets = [str(a + b).ljust(self.digits + 1) for a, b in rows]
        return self.pairs(source, targets)

    @cached_property
    def _questions(self) -> list[tuple[int, int]]:
        """As many different questions as all splits have, in the order in which they were drawn."""
        random = generator(self.seed, "questions")
        found: dict[tuple[int, int], tuple[int, int]] = {}
        count = sum(self.sizes.values())
        while len(found) < count:
            lengths = torch.randint(1, self.digits + 1, (DRAWN_AT_ONCE, 2), generator=random)
            drawn = torch.randint(10**self.digits, (DRAWN_AT_ONCE, 2), generator=random) % 10**lengths
            for a, b in drawn.tolist():
                found.setdefault((min(a, b), max(a, b)), (a, b))
        return list(found.values())[:count]

    def padded(self, question: str) -> str:
        """A question as it is read."""
        padded = question.ljust(2 * self.digits + 1)
        return padded[::-1] if self.reversed else padded

    def read(self, text: str, place: str) -> Sequence[str]:
        """The tokens of one question. Raises DataError where it is none."""
        if not re.fullmatch(self._pattern, text):
            raise DataError(f"{place}: {brief(text)} cannot be read; give {self.readable}")
        return self.padded(text)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported(pattern=self._pattern, width=2 * self.digits + 1, reversed=self.reversed)

    @property
    def _pattern(self) -> str:
        """What a question looks like."""
        return f"[0-9]{{1,{self.digits}}}\\+[0-9]{{1,{self.digits}}}"

    def show(self, row: Tensor) -> str:
        """The question, as it was before it was padded and turned round. row: [source_time]."""
        shown = super().show(row)
        return (shown[::-1] if self.reversed else shown).rstrip()
