"""Whole numbers to be written in reverse, as in the tutorial of Joey NMT (Kreutzer et al. 2019), or copied."""

from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import at_least, generator
from seqnet.data.teacher_forcing import teacher_forcing
from seqnet.data.written import Written, integers
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.options import Rows, Steps, whole

ORDERS = ("reverse", "copy")


class Reverse(Written):
    """1 to `length` numbers below `symbols`, of valid and test 1 to `held_out_length`: write them from last to first.

    order: `reverse`, or `copy` to write them as they stand. Each number is a word.
    """

    between = " "

    def __init__(
        self,
        seed: int,
        order: Literal["reverse", "copy"] = "reverse",
        length: Steps = 25,
        held_out_length: Steps = 30,
        symbols: Annotated[int, whole(2, 1_000_000)] = 50,
        train_size: Rows = 40000,
        valid_size: Rows = 1000,
        test_size: Rows = 1000,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        if order not in ORDERS:
            raise ConfigurationError(f"data.order must be reverse or copy, not '{order}'{did_you_mean(order, ORDERS)}")
        at_least("data.length", length, 1)
        at_least("data.held_out_length", held_out_length, 1)
        at_least("data.symbols", symbols, 2)
        self.order = order
        self.lengths = {"train": length, "valid": held_out_length, "test": held_out_length}
        self.symbols = symbols
        self.readable = f"whole numbers from 0 to {symbols - 1} with spaces between them"
        names = tuple(map(str, range(symbols)))
        self.know(names, names, length)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported()

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`."""
        source = integers(self.sizes[name], self.lengths[name], self.symbols, generator(self.seed, name))
        if self.order == "copy":
            return teacher_forcing(source, source, self.writing)
        first, end = (source.offsets[k : len(source) + k].repeat_interleave(source.lengths) for k in (0, 1))
        mirrored = first + end - 1 - torch.arange(len(source.flat))
        return teacher_forcing(source, Ragged(source.flat[mirrored], source.offsets), self.writing)

    def alignment(self, length: Steps) -> Tensor:
        """For each step of an answer the source position that it repeats, [length]."""
        steps = torch.arange(length)
        return steps.flip(0) if self.order == "reverse" else steps
