"""The copy memory problem of Hochreiter and Schmidhuber (1997), as in Arjovsky et al. (2016) and Bai et al. (2018)."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.fields.label import exported_label
from seqnet.data.generation import Generated, at_least, equal_rows
from seqnet.data.numbers import read_wholes, steps_without_targets
from seqnet.kinds import SHARED, Axis, Item, Kind
from seqnet.options import Rows, Steps
from seqnet.specs import Tokens

SYMBOLS = 10  # to be remembered, each from 1 to 8
BLANK, DELIMITER = 0, 9


class CopyMemory(Generated):
    """Ten symbols, `length` - 1 blanks, eleven delimiters; asked for are `length` + 10 blanks, then the ten symbols.

    inputs and targets: [time] with time = length + 20. Knowing the layout and remembering nothing gives a
    cross-entropy of 10 ln 8 / (length + 20).
    """

    input_kinds = {"inputs": Kind(Item.TOKEN, Axis.STEP, frozenset({SHARED}))}
    target_kind = Kind(Item.TOKEN, Axis.STEP)
    inputs = targets = Tokens(tuple("0123456789"))
    lag = "length"  # the option that says for how long something is to be remembered

    def __init__(
        self, seed: int, length: Steps = 1000, train_size: Rows = 10000, valid_size: Rows = 1000, test_size: Rows = 1000
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.length", length, 1)
        self.length = length

    def draw(self, rows: int, random: torch.Generator) -> Examples:
        """So many rows, drawn from the generator."""
        symbols = torch.randint(1, 9, (rows, SYMBOLS), generator=random)
        inputs = torch.full((rows, self.length + 2 * SYMBOLS), BLANK)
        inputs[:, :SYMBOLS] = symbols
        inputs[:, -(SYMBOLS + 1) :] = DELIMITER
        targets = torch.full_like(inputs, BLANK)
        targets[:, -SYMBOLS:] = symbols
        return Examples(equal_rows(inputs), equal_rows(targets))

    def right(self, answers: Tensor, targets: Tensor) -> Tensor:
        """The share of the symbols that is repeated rightly, [rows]. answers, targets: [rows time]."""
        return (answers == targets)[:, -SYMBOLS:].float().mean(dim=1)

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of whole numbers from 0 to 9. Raises DataError."""
        return steps_without_targets(read_wholes(lines, where, first, 9))

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported(exported_label(self.inputs.names, Axis.STEP))

    def show(self, inputs: Tensor) -> str:
        """The symbols, with runs counted: `3 1 4 0x999 9x11`. inputs: [time]."""
        runs = [(symbol, len(list(run))) for symbol, run in groupby(inputs.tolist())]
        return " ".join(f"{symbol}x{count}" if count > 1 else str(symbol) for symbol, count in runs)
