"""A ball that bounces in a unit box without losing speed: given where it has been, where is it next?"""

from collections.abc import Iterable
from math import pi
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.generation import Generated, at_least, equal_rows, exported_numbers
from seqnet.data.numbers import read_vectors, show_steps, steps_without_targets
from seqnet.errors import ConfigurationError
from seqnet.kinds import NEXT, Axis, Item, Kind
from seqnet.options import NotNegative, Rows, Steps
from seqnet.specs import Vector


class Ball(Generated):
    """Positions of a ball; the target at each step is the next one.

    It starts anywhere, in any direction, at a speed (distance a step) drawn from [min_speed, max_speed].
    inputs and targets: [time 2].
    """

    input_kinds = {"inputs": Kind(Item.NUMBER, Axis.STEP)}
    target_kind = Kind(Item.NUMBER, Axis.STEP, frozenset({NEXT}))
    inputs = targets = Vector(2, ("x", "y"))

    def __init__(
        self,
        seed: int,
        length: Steps = 50,
        min_speed: NotNegative = 0.02,
        max_speed: NotNegative = 0.1,
        train_size: Rows = 5000,
        valid_size: Rows = 500,
        test_size: Rows = 500,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.length", length, 1)
        at_least("data.min_speed", min_speed, 0)
        if not min_speed <= max_speed < float("inf"):
            raise ConfigurationError(f"data.max_speed must be at least data.min_speed ({min_speed}), not {max_speed}")
        self.length = length
        self.min_speed = min_speed
        self.max_speed = max_speed

    def draw(self, rows: int, random: torch.Generator) -> Examples:
        """So many rows, drawn from the generator."""
        start, angle, speed = torch.rand(3, rows, 2, generator=random, dtype=torch.float64)
        turn = 2 * pi * angle[:, 0]
        pace = self.min_speed + (self.max_speed - self.min_speed) * speed[:, :1]
        velocity = torch.stack([turn.cos(), turn.sin()], dim=1) * pace
        time = torch.arange(self.length + 1, dtype=torch.float64)
        # Without walls the ball flies straight on; mirroring at 0 and 1 folds every stretch of length 1 onto the box.
        unfolded = start[:, None] + time[:, None] * velocity[:, None]
        positions = (1 - (unfolded.remainder(2) - 1).abs()).float()
        return Examples(equal_rows(positions[:, :-1]), equal_rows(positions[:, 1:]))

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of positions [x, y]. Raises DataError."""
        return steps_without_targets(read_vectors(lines, where, first, 2), 2)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported(exported_numbers(self.inputs.size))

    def show(self, inputs: Tensor) -> str:
        """The first positions. inputs: [time 2]."""
        return show_steps(inputs, 6)
