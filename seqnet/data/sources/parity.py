"""Whether an even or an odd number of ones was read so far: one bit, which every step may turn."""

from collections.abc import Iterable

import torch
from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.generation import Generated, at_least, equal_rows
from seqnet.data.numbers import read_wholes, steps_without_targets
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import Rows, Steps
from seqnet.specs import Tokens


class Parity(Generated):
    """Zeros and ones; the target at each step is whether the ones up to and including that step are even or odd.

    inputs and targets: [time].
    """

    input_kinds = {"inputs": Kind(Item.TOKEN, Axis.STEP)}
    target_kind = Kind(Item.LABEL, Axis.STEP)
    inputs = Tokens(("0", "1"))
    targets = Tokens(("even", "odd"))
    lag = "length"  # the option that says for how long something is to be remembered

    def __init__(
        self, seed: int, length: Steps = 20, train_size: Rows = 5000, valid_size: Rows = 500, test_size: Rows = 500
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.length", length, 1)
        self.length = length

    def draw(self, rows: int, random: torch.Generator) -> Examples:
        """So many rows, drawn from the generator."""
        bits = torch.randint(2, (rows, self.length), generator=random)
        return Examples(equal_rows(bits), equal_rows(bits.cumsum(1) % 2))

    def right(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Whether the last answer, to which every step matters, is right, [rows]. answers, targets: [rows time]."""
        return (answers == targets)[:, -1].float()

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of zeros and ones. Raises DataError."""
        return steps_without_targets(read_wholes(lines, where, first, 1))

    def show(self, inputs: Tensor) -> str:
        """The bits. inputs: [time]."""
        return "".join(map(str, inputs.tolist()))
