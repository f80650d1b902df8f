"""The adding problem of Hochreiter and Schmidhuber (1997), as in Arjovsky et al. (2016) and Bai et al. (2018)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.generation import Generated, at_least, equal_rows, exported_numbers
from seqnet.data.numbers import read_vectors, rows_without_targets, show_steps
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import Rows, Steps
from seqnet.specs import Vector

CLOSE = 0.04  # an error below which Hochreiter and Schmidhuber count a sum as right


class Adding(Generated):
    """Numbers from [0, 1), two of them marked: one in each half. The target is the sum of the two.

    inputs: [time 2], the number and its marker; targets: [rows 1]. Always answering 1 gives an MSE of 1/6.
    """

    input_kinds = {"inputs": Kind(Item.NUMBER, Axis.STEP)}
    target_kind = Kind(Item.NUMBER, Axis.ROW)
    inputs = Vector(2, ("value", "marker"))
    targets = Vector(1, ("sum",))
    lag = "length"  # the option that says for how long something is to be remembered

    def __init__(
        self, seed: int, length: Steps = 600, train_size: Rows = 50000, valid_size: Rows = 1000, test_size: Rows = 1000
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.length", length, 2)
        self.length = length

    def draw(self, rows: int, random: torch.Generator) -> Examples:
        """So many rows, drawn from the generator."""
        half = self.length // 2
        steps = torch.zeros(rows, self.length, 2)
        steps[..., 0] = torch.rand(rows, self.length, generator=random)
        first = torch.randint(half, (rows, 1), generator=random)
        second = torch.randint(half, self.length, (rows, 1), generator=random)
        marked = torch.cat([first, second], dim=1)
        steps[..., 1].scatter_(1, marked, 1.0)
        targets = steps[..., 0].gather(1, marked).sum(1, keepdim=True)
        return Examples(equal_rows(steps), targets)

    def right(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Whether each sum is off by less than 0.04, [rows]. answers, targets: [rows 1]."""
        return ((answers - targets).abs() < CLOSE).float()[:, 0]

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of steps [value, marker], of any length. Raises DataError."""
        return rows_without_targets(read_vectors(lines, where, first, 2), 1)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported(exported_numbers(self.inputs.size))

    def show(self, inputs: Tensor) -> str:
        """The marked numbers, which are what counts. inputs: [time 2]."""
        marked = inputs[inputs[:, 1] != 0, :1]
        return f"{show_steps(marked)} marked in {len(inputs)} steps"
