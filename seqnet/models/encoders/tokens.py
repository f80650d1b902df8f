"""Tokens and labels as vectors."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqnet.kinds import Axis, Item
from seqnet.specs import Tokens

TIED_STD = 0.1
NOT_LINEAR = (
    "model.tied=true makes one weight of the token embedding and the output layer, and this objective's output layer "
    "has several: set model.tied=false"
)
OF_NAMES = tuple((item, axis) for item in (Item.TOKEN, Item.LABEL) for axis in (Axis.STEP, Axis.SEQUENCE, Axis.ROW))


class TokenEmbedding(nn.Module):
    """A learnt vector for each token, drawn from N(0, std^2)."""

    reads: ClassVar = OF_NAMES

    def __init__(self, space: Tokens, size: int, std: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(space.size, size)
        nn.init.normal_(self.embedding.weight, std=std)

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch time] int64."""
        vectors: Tensor = self.embedding(values)
        return vectors


class OneHot(nn.Module):
    """1 in the token's own place, 0 in all others; a token that is any of them has no place."""

    reads: ClassVar = OF_NAMES
    like: Tensor

    def __init__(self, space: Tokens) -> None:
        super().__init__()
        self.names = space.size
        self.size = space.size - space.blank
        self.register_buffer("like", torch.empty(0), persistent=False)  # knows the model's device and type

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch time] int64."""
        found = self.like.new_zeros(*values.shape, self.names).scatter_(-1, values[..., None], 1)
        return found[..., self.names - self.size :]


def tie(embedding: nn.Embedding, head: nn.Linear, std: float) -> None:
    """Give an embedding and an output layer one weight, drawn from N(0, min(std, 0.1)^2).

    Logits are made of it: from vectors as long as an embedding's own may be, the first losses would be huge.
    """
    nn.init.normal_(head.weight, std=min(std, TIED_STD))
    embedding.weight = head.weight
