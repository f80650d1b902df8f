"""Which of two inputs has the larger total: one linear unit that adds up their difference solves it exactly."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.generation import Generated, at_least, equal_rows, exported_numbers
from seqnet.data.numbers import read_vectors, rows_without_targets, show_steps
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import Rows, Steps
from seqnet.specs import Tokens, Vector

GRID = 1024  # numbers are multiples of 1 / GRID, so that float32 sums of up to 2**14 of them are exact


class LargerTotal(Generated):
    """Two numbers from [0, 1] at each step; the target is the one with the larger total. There is never a tie.

    inputs: [time 2]; targets: [rows], 0 for `first`, 1 for `second`.
    """

    input_kinds = {"inputs": Kind(Item.NUMBER, Axis.STEP)}
    target_kind = Kind(Item.LABEL, Axis.ROW)
    inputs = Vector(2, ("first", "second"))
    targets = Tokens(("first", "second"))

    def __init__(
        self, seed: int, length: Steps = 20, train_size: Rows = 5000, valid_size: Rows = 500, test_size: Rows = 500
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.length", length, 1)
        self.length = length

    def draw(self, rows: int, random: torch.Generator) -> Examples:
        """So many rows, drawn from the generator."""
        values = torch.randint(GRID + 1, (rows, self.length, 2), generator=random)
        totals = values.sum(1)
        tie = totals[:, 0] == totals[:, 1]
        last = values[:, -1, 0]
        last += torch.where(last < GRID, 1, -1) * tie  # one step of the grid decides it
        first, second = values.sum(1).unbind(1)
        return Examples(equal_rows(values / GRID), (second > first).long())

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of steps [first, second]. Raises DataError."""
        return rows_without_targets(read_vectors(lines, where, first, 2))

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported(exported_numbers(self.inputs.size))

    def show(self, inputs: Tensor) -> str:
        """The two totals. inputs: [time 2]."""
        first, second = inputs.sum(0).tolist()
        return f"{show_steps(inputs, 4)}, totals {first:.3f} and {second:.3f}"
