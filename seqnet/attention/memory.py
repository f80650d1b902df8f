"""What attention reads and what it answers: (query, memory, position) -> (context, weights).

A kind of attention is a module with `context_size`, `coverage` (whether it wants to know where it looked before),
`prepare(encoded, lengths) -> Memory` and `forward(query, memory, position, coverage, weights) -> Attended`.
It keeps no state: queries of one row, be they target steps or the hypotheses of a beam, are answered side by side.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Memory(NamedTuple):
    """A source made ready once, however many steps will ask it."""

    keys: Tensor  # [batch source_time key], of several heads [batch heads source_time key]
    values: Tensor  # alike
    lengths: Tensor  # [batch]: how many positions are valid
    mask: Tensor | None  # [batch source_time] bool: the valid ones; None = all of them


class Attended(NamedTuple):
    """What a query found."""

    context: Tensor  # [batch queries context]
    weights: Tensor | None  # [batch heads queries source_time], summing to 1; None where they were not wanted
    log_probability: Tensor | None = None  # [batch queries], of a choice that was drawn at random
    baseline: Tensor | None = None  # [batch queries], the loss expected before the choice was made


def memory(keys: Tensor, values: Tensor, lengths: Tensor | None) -> Memory:
    """Keys and values [batch ... source_time feature] with the mask that lengths [batch] say; None = all valid."""
    batch, time = values.shape[0], values.shape[-2]
    if lengths is None:
        return Memory(keys, values, torch.full((batch,), time, device=values.device), None)
    return Memory(keys, values, lengths, torch.arange(time, device=values.device) < lengths[:, None])


def weigh(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last dimension, exactly 0 where the mask (of a shape that broadcasts) is False."""
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(dim=-1)
