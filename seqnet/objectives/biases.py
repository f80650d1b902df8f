"""How much less the commonest class counts where one is decided on: chosen by what is right on a split.

A tagger that learns of twenty steps without an entity for each with one says nothing of many that it nearly believes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

GRID = tuple(step / 4 for step in range(21))  # nats, off the logit


def decisions(logits: Tensor, common: int, biases: Sequence[float]) -> Tensor:
    """The likeliest class at each bias off the logit of class `common`. logits: [... classes]; returns [... biases]."""
    others = logits.clone()
    others[..., common] = -torch.inf
    best, place = others.max(-1)
    ahead = logits[..., common] - best
    return torch.where(ahead[..., None] > ahead.new_tensor(biases), common, place[..., None])
