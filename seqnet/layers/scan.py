"""A whole sequence by a cell's own way through it: the same numbers as `unroll`, sooner."""

import torch
from torch import Tensor

from seqnet.cells.scanned import Scanned
from seqnet.layers.unroll import padding
from seqnet.state import State, leaves, map_state


def scan(cell: Scanned, x: Tensor, state: State, lengths: Tensor | None = None) -> tuple[Tensor, State]:
    """What `unroll(cell, x, state, lengths)` returns, by one call of `cell.scan`.

    Under autocast a CPU computes in the type of the weights, as a fused layer does; the state is in it everywhere.
    """
    if x.is_cpu and torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):
            # A first state that was computed under autocast is not in it.
            dtype = next((one.dtype for one in cell.parameters()), leaves(state)[0].dtype)  # type: ignore[attr-defined]
            state = map_state(lambda one: one.to(dtype) if one.is_floating_point() else one, state)
            return scan(cell, x.to(dtype), state, lengths)
    if lengths is None and x.shape[1] == 1:
        y, state = cell(x[:, 0], state)
        return y.unsqueeze(1), state
    ended = None if lengths is None else padding(lengths, x.shape[1])[..., None]
    y, states = cell.scan(x if ended is None else x.masked_fill(ended, 0), state)
    if lengths is None or ended is None:
        return y, map_state(lambda steps: steps[:, -1].contiguous(), states)
    rows, last, empty = torch.arange(len(x), device=x.device), (lengths - 1).clamp(min=0), lengths == 0

    def final(steps: Tensor, before: Tensor) -> Tensor:
        return torch.where(empty.view(-1, *[1] * (before.dim() - 1)), before, steps[rows, last])

    return y.masked_fill(ended, 0), map_state(final, states, state)
