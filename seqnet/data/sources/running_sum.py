"""The sum of the inputs so far: one linear unit that keeps its value solves it exactly."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.generation import Generated, at_least, equal_rows, exported_numbers
from seqnet.data.numbers import read_vectors, show_steps, steps_without_targets
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import Rows, Steps
from seqnet.specs import Vector

GRID = 1024  # numbers are multiples of 1 / GRID, so that float32 sums of up to 2**14 of them are exact


class RunningSum(Generated):
    """Numbers from [-1, 1]; the target at each step is the sum up to and including that step.

    inputs and targets: [time 1].
    """

    input_kinds = {"inputs": Kind(Item.NUMBER, Axis.STEP)}
    target_kind = Kind(Item.NUMBER, Axis.STEP)
    inputs = Vector(1, ("value",))
    targets = Vector(1, ("sum",))

    def __init__(
        self, seed: int, length: Steps = 20, train_size: Rows = 5000, valid_size: Rows = 500, test_size: Rows = 500
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.length", length, 1)
        self.length = length

    def draw(self, rows: int, random: torch.Generator) -> Examples:
        """So many rows, drawn from the generator."""
        values = torch.randint(-GRID, GRID + 1, (rows, self.length, 1), generator=random)
        return Examples(equal_rows(values / GRID), equal_rows(values.cumsum(1) / GRID))

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of numbers. Raises DataError."""
        return steps_without_targets(read_vectors(lines, where, first, 1), 1)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported(exported_numbers(self.inputs.size))

    def show(self, inputs: Tensor) -> str:
        """The first numbers. inputs: [time 1]."""
        return show_steps(inputs)
