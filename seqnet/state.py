"""Recurrent state as a value: named tuples of tensors, batch first, and the operations on them.

A state is passed in and returned, never kept on a module. `None` stands for the beginning of every row.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

State = Any  # a (possibly nested) tuple of tensors and None


class HiddenState(NamedTuple):
    """State of a vanilla RNN or a GRU."""

    hidden: Tensor  # [batch hidden]


class LSTMState(NamedTuple):
    """State of an LSTM."""

    hidden: Tensor  # [batch hidden]
    cell: Tensor  # [batch hidden]


class BidirectionalState(NamedTuple):
    """Final states of the two directions: after the last step, and (reading right to left) after the first."""

    forward: State
    backward: State

    @property
    def hidden(self) -> Tensor:
        """Both hidden states side by side, [batch 2*hidden]."""
        return torch.cat([self.forward.hidden, self.backward.hidden], dim=-1)


def map_state(function: Callable[..., Tensor], state: State, *others: State) -> State:
    """Apply `function` to every tensor of `state` (and the tensors in the same place of `others`)."""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return function(state, *others)
    if others:
        parts = [map_state(function, *part) for part in zip(state, *others, strict=True)]
    else:
        parts = [map_state(function, part) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def detach(state: State) -> State:
    """The same values, cut off from the graph that made them."""
    return map_state(Tensor.detach, state)


def select(state: State, rows: Tensor) -> State:
    """The given rows, in the given order; a row may occur more than once (beam search)."""
    return map_state(lambda tensor: tensor.index_select(0, rows), state)


def where(rows: Tensor, state: State, otherwise: State) -> State:
    """`state` in the rows that are True, `otherwise` in the others. rows: [batch] bool."""

    def choose(tensor: Tensor, other: Tensor) -> Tensor:
        return torch.where(rows.view(-1, *[1] * (tensor.dim() - 1)), tensor, other)

    return map_state(choose, state, otherwise)


def leaves(state: State) -> list[Tensor]:
    """The tensors of a state in a fixed order."""
    found: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_state(keep, state)
    return found


def with_leaves(template: State, tensors: list[Tensor]) -> State:
    """A state of the template's structure holding `tensors` (the inverse of `leaves`)."""
    remaining = iter(tensors)
    return map_state(lambda _: next(remaining), template)
