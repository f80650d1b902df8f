"""The reference way to run any cell over a whole sequence: a loop over time."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from seqnet.cells.projected import Projected
from seqnet.linear import Unrolled
from seqnet.state import State, where


class Cell(Protocol):
    """One step of a recurrence, as any user may write it."""

    input_size: int
    hidden_size: int

    def __call__(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step. x: [batch input]; returns y [batch hidden] and the new state."""

    def initial_state(self, batch_size: int) -> State:
        """The state at a row's beginning."""


def padding(lengths: Tensor, time: int) -> Tensor:
    """True where a row has ended, [batch time]. lengths: [batch]."""
    return torch.arange(time, device=lengths.device) >= lengths[:, None]


def within(lengths: Tensor | None, begin: int, end: int) -> Tensor | None:
    """Of each row's length [batch], the part that lies in steps [begin, end)."""
    return None if lengths is None else (lengths - begin).clamp(0, end - begin)


def unroll(cell: Cell, x: Tensor, state: State, lengths: Tensor | None = None) -> tuple[Tensor, State]:
    """Run `cell` over x [batch time input] from `state`; returns y [batch time hidden] and the final state.

    lengths: [batch], or None where every row is whole. In padding y is 0 and the state is held, and what x
    holds there is never read; a row of length 0 keeps the state it came with.
    """
    ended = None if lengths is None else padding(lengths, x.shape[1])
    if ended is not None:
        x = x.masked_fill(ended[..., None], 0)
    steps = x.transpose(0, 1)
    advance: Callable[[Tensor, State], tuple[Tensor, State]] = cell
    # A cell that replaces `forward` computes something else than its two parts.
    if isinstance(cell, Projected) and type(cell).forward is Projected.forward:
        steps, advance = cell.project(steps), cell.step
    outputs = []
    with Unrolled(len(steps)) as loop:
        for number, step in enumerate(loop.once(steps).unbind(0)):
            y, new = advance(step, state)
            state = new if ended is None else where(ended[:, number], state, new)
            outputs.append(y)
    y = torch.stack(outputs, dim=1)
    return y if ended is None else y.masked_fill(ended[..., None], 0), state
