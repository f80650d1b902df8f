"""Two layers over the same sequence, one of them reading from right to left (Schuster and Paliwal 1997)."""

import torch
from torch import Tensor, nn

from seqnet.layers.layer import Layer
from seqnet.state import BidirectionalState


def flip(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each row of x [batch time feature] turned around within its own length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths[:, None] - 1 - steps
    places = torch.where(mirrored >= 0, mirrored, steps)
    return x.gather(1, places[..., None].expand_as(x))


class Bidirectional(nn.Module):
    """Outputs of both directions side by side. The second's final state is after each row's first step."""

    def __init__(self, left_to_right: Layer, right_to_left: Layer) -> None:
        super().__init__()
        self.left_to_right = left_to_right
        self.right_to_left = right_to_left
        self.size = left_to_right.size + right_to_left.size

    def initial_state(self, batch_size: int) -> BidirectionalState:
        """Both directions' states at the beginning."""
        return BidirectionalState(
            self.left_to_right.initial_state(batch_size), self.right_to_left.initial_state(batch_size)
        )

    def forward(
        self, x: Tensor, state: BidirectionalState | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, BidirectionalState]:
        """x: [batch time feature]; returns [batch time size] and the two final states."""
        before, after = state if state is not None else (None, None)
        y, before = self.left_to_right(x, before, lengths)
        z, after = self.right_to_left(flip(x, lengths), after, lengths)
        return torch.cat([y, flip(z, lengths)], dim=-1), BidirectionalState(before, after)
