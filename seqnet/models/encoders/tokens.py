"""Tokens and labels as vectors."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqnet.draws import kept, once, uniform
from seqnet.kinds import Axis, Item
from seqnet.specs import Tokens

TIED_STD = 0.1
NOT_LINEAR = (
    "model.tied=true makes one weight of the token embedding and the output layer, and this objective's output layer "
    "has several: set model.tied=false"
)
OF_NAMES = tuple((item, axis) for item in (Item.TOKEN, Item.LABEL) for axis in (Axis.STEP, Axis.SEQUENCE, Axis.ROW))


class TokenEmbedding(nn.Module):
    """A learnt vector for each token, drawn from N(0, std^2).

    In training: embedding_dropout: with what probability the vector of a token is 0 wherever it stands in a window, of
    all rows (Merity et al. 2018, section 4.3). word_dropout: with what probability the unknown token is read in place
    of one, each by itself (Bowman et al. 2016, section 3.3); without an unknown token none is.
    """

    reads: ClassVar = OF_NAMES

    def __init__(
        self, space: Tokens, size: int, std: float = 1.0, embedding_dropout: float = 0.0, word_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.size = size
        self.unknown = space.unknown
        self.embedding_dropout, self.word_dropout = embedding_dropout, word_dropout
        self.embedding = nn.Embedding(space.size, size)
        nn.init.normal_(self.embedding.weight, std=std)

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch time] int64."""
        if self.training and self.word_dropout and self.unknown is not None:
            dropped = uniform(*values.shape, device=values.device) < self.word_dropout
            values = values.masked_fill(dropped, self.unknown)
        vectors: Tensor = self.embedding(values)
        if self.training and self.embedding_dropout:
            weight, p = self.embedding.weight, self.embedding_dropout
            mask = once(self, lambda: kept((1, len(weight)), p, weight.dtype, weight.device, of_rows=False)[0])
            vectors = vectors * mask[values].unsqueeze(-1)
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
