"""What attention reads and what it answers: (query, memory, position) -> (context, weights).

A kind of attention is a module with `context_size`, `coverage` (whether it wants to know where it looked before),
`prepare(encoded, lengths) -> Memory` and `forward(query, memory, position, coverage, weights) -> Attended`; where
what is answered at each position is to be mixed, `mixes` is True and what it found has `logs`.
It keeps no state: queries of one row, be they target steps or the hypotheses of a beam, are answered side by side.
Their positions go up by 1 from query to query (target steps), or not at all (hypotheses).
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

    context: Tensor  # [batch queries context]; with `logs` [batch queries positions context], or of all queries alike 1
    weights: Tensor | None  # [batch heads queries source_time], summing to 1; None where they were not wanted
    log_probability: Tensor | None = None  # [batch queries], of a choice that was drawn at random
    baseline: Tensor | None = None  # [batch queries], the loss expected before the choice was made
    bonus: Tensor | None = None  # [batch queries], nats taken off the loss, so that the choice stays open
    logs: Tensor | None = None  # [batch queries positions]: of each that may be the one, its log-probability


def memory(keys: Tensor, values: Tensor, lengths: Tensor | None) -> Memory:
    """Keys and values [batch ... source_time feature] with the mask that lengths [batch] say; None = all valid.

    What stands in padding must be finite. A row without any position looks at the first of its padding.
    """
    batch, time = values.shape[0], values.shape[-2]
    if lengths is None:
        return Memory(keys, values, torch.full((batch,), time, device=values.device), None)
    lengths = lengths.clamp(min=1)
    return Memory(keys, values, lengths, torch.arange(time, device=values.device) < lengths[:, None])


def masked(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The scores, minus infinity where the mask (of a shape that broadcasts; None = nowhere) is False."""
    return scores if mask is None else scores.masked_fill(~mask, -torch.inf)


def paid(coverage: Tensor | None, memory: Memory) -> Tensor | None:
    """What positions were paid, [batch queries source_time]; padding, as all that lies beside the source, counts as 1.

    A score that looks at what stands beside a position sees where the source ends.
    """
    if coverage is None or memory.mask is None:
        return coverage
    return coverage.masked_fill(~memory.mask[:, None], 1.0)


def at(rows: Tensor, places: Tensor) -> Tensor:
    """What stands at places [batch ...] of rows [batch source_time feature]: [batch ... feature]."""
    batch, time = rows.shape[:2]
    first = torch.arange(0, batch * time, time, device=rows.device)
    flat = (places + first.view(-1, *[1] * (places.dim() - 1))).flatten()
    return rows.flatten(0, 1).index_select(0, flat).view(*places.shape, -1)
