"""A sentence as the sum of its words' vectors, weighed by where each stands (Sukhbaatar et al. 2015, section 4.1)."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis, Item
from seqnet.specs import Spec, Spelling


class PositionEncoding(nn.Module):
    """m = sum over j of l_j * A x_j, with a vector l_j learnt for each position, around 1 at the beginning.

    Raises ConfigurationError where a step is one word, and without a width.
    """

    reads: ClassVar = ((Item.TOKEN, Axis.STEP),)

    def __init__(self, space: Spec, size: int | None, std: float = 1.0) -> None:
        super().__init__()
        if not isinstance(space, Spelling) or size is None:
            raise ConfigurationError(
                "model/encoder=position_encoding makes a vector of a sentence's words: read them with "
                "field@data.fields.NAME=sentences, and set model.embedding_size to a number"
            )
        self.size = size
        self.embedding = nn.Embedding(space.size, size, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=std)
        nn.init.zeros_(self.embedding.weight[0])
        self.position = nn.Parameter(torch.empty(space.most, size))
        nn.init.normal_(self.position, mean=1.0, std=0.1)

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch time words], 0 behind a sentence's last."""
        summed: Tensor = (self.embedding(values) * self.position).sum(-2)
        return summed
