"""Nested brackets of two kinds: which one closes what was opened last and is open still (a Dyck language)."""

from collections.abc import Iterable

import torch
from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.generation import Generated, at_least, equal_rows
from seqnet.data.numbers import read_wholes, steps_without_targets
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import Rows, Steps
from seqnet.specs import Tokens

DEPTH = 4  # brackets that are open at a time within the first


class Nested(Generated):
    """An opening bracket, and within it `length` steps of brackets that are closed again, at most 4 open at a time.

    The target at each step is the bracket that closes the innermost open one, so at the last step that of the first.
    inputs and targets: [time] with time = length + 1, of an odd length one less. A guess is right half the time.
    """

    input_kinds = {"inputs": Kind(Item.TOKEN, Axis.STEP)}
    target_kind = Kind(Item.LABEL, Axis.STEP)
    inputs = Tokens(("(", "[", ")", "]"))
    targets = Tokens((")", "]"))
    lag = "length"  # the option that says for how long something is to be remembered

    def __init__(
        self, seed: int, length: Steps = 20, train_size: Rows = 5000, valid_size: Rows = 500, test_size: Rows = 500
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.length", length, 2)
        self.length = length

    def draw(self, rows: int, random: torch.Generator) -> Examples:
        """So many rows, drawn from the generator."""
        steps = self.length // 2 * 2
        kinds = torch.randint(2, (rows, steps + 1), generator=random)
        likes_to_open = torch.rand(rows, steps, generator=random) < 0.5
        stack = torch.zeros(rows, DEPTH + 1, dtype=torch.int64)  # the kinds of what is open, the first at the bottom
        stack[:, 0] = kinds[:, 0]
        depth, every = torch.zeros(rows, dtype=torch.int64), torch.arange(rows)
        read, asked = [kinds[:, 0]], [kinds[:, 0]]
        for step in range(steps):
            opens = (likes_to_open[:, step] | (depth == 0)) & (depth < min(DEPTH, steps - step))
            depth = depth + opens.long()
            stack[every[opens], depth[opens]] = kinds[opens, step + 1]
            innermost = stack[every, depth]
            read.append(torch.where(opens, innermost, innermost + 2))
            depth = depth - (~opens).long()
            asked.append(stack[every, depth])
        return Examples(equal_rows(torch.stack(read, dim=1)), equal_rows(torch.stack(asked, dim=1)))

    def right(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Whether what closes the first bracket is right, [rows]. answers, targets: [rows time]."""
        return (answers == targets)[:, -1].float()

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of whole numbers, 0 to 3 for ( [ ) ]. Raises DataError."""
        return steps_without_targets(read_wholes(lines, where, first, 3))

    def show(self, inputs: Tensor) -> str:
        """The brackets. inputs: [time]."""
        return "".join(self.inputs.names[place] for place in inputs.tolist())
