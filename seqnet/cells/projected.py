"""A cell whose step begins with a product of its input, which can be made for all steps at once."""

from typing import Any

from torch import Tensor, nn

from seqnet.state import State


class Projected(nn.Module):
    """A step in two parts: `project`, of the input alone, and `step`, of what that gave and the state.

    A layer that is unrolled calls `project` once, for a whole sequence [time batch input], and `step` in the loop:
    one large product in place of many small ones.
    """

    def project(self, x: Tensor) -> Tensor:
        """What a step needs of its input x [... input], [... anything]; it sees one step at a time."""
        raise NotImplementedError

    def step(self, projected: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The rest of a step, from `project`'s answer [batch anything]: the output [batch hidden] and the new state."""
        raise NotImplementedError

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step. x: [batch input]; returns the output [batch hidden] and the new state."""
        return self.step(self.project(x), state)
