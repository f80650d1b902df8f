"""Further inputs at every step, mixed with the step's vector: what a step says depends on what is asked of it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from seqnet.batch import Whole
from seqnet.layers.stack import Stack
from seqnet.linear import Linear
from seqnet.models.encoder import Encoder, beside
from seqnet.models.joins.join import Join, MakeAttention


class Mix(Join):
    """relu(W [x; s]) for each step's vector x, where s are the summaries of its inputs; as wide as both.

    What `concat` hands to the recurrence as it is, a layer of its own relates first: is this the person that is asked
    for?
    """

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        super().__init__(encoders)
        self.size = self.summaries_size

    def attach(self, width: int, layers: Stack, attention: MakeAttention | None) -> None:
        """The map of what the layers read."""
        self.mixed = Linear(width, width)

    def prepare(self, wholes: Mapping[str, Whole]) -> Tensor:
        """The summaries, [batch size]."""
        return self.summaries(wholes)

    def before(self, prepared: Tensor, x: Tensor) -> Tensor:
        """x: [batch time feature]; returns [batch time feature+size]."""
        mixed: Tensor = torch.relu(self.mixed(beside(x, prepared)))
        return mixed
