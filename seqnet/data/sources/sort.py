"""Whole numbers to be written in ascending order."""

from typing import Annotated, Any

import torch

from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import at_least, generator
from seqnet.data.teacher_forcing import teacher_forcing
from seqnet.data.written import Written, integers
from seqnet.options import Rows, Steps, whole


class Sort(Written):
    """1 to `length` numbers below `symbols`: write them sorted. Each number is a word."""

    between = " "

    def __init__(
        self,
        seed: int,
        length: Steps = 25,
        symbols: Annotated[int, whole(2, 1_000_000)] = 50,
        train_size: Rows = 40000,
        valid_size: Rows = 1000,
        test_size: Rows = 1000,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.length", length, 1)
        at_least("data.symbols", symbols, 2)
        self.length = length
        self.symbols = symbols
        self.readable = f"whole numbers from 0 to {symbols - 1} with spaces between them"
        names = tuple(map(str, range(symbols)))
        self.know(names, names, length)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported()

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`."""
        source = integers(self.sizes[name], self.length, self.symbols, generator(self.seed, name))
        row = torch.repeat_interleave(torch.arange(len(source)), source.lengths)
        ordered = (row * self.symbols + source.flat).sort().values - row * self.symbols
        return teacher_forcing(source, Ragged(ordered, source.offsets), self.writing)
