"""Further inputs multiplied with every output of the recurrence, element by element (Antol et al. 2015, section 4)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqnet.batch import Whole
from seqnet.layers.stack import Stack
from seqnet.linear import Linear
from seqnet.models.joins.join import Join, MakeAttention

GAIN = 3.0  # so that both factors span most of their range from the first step on


class Product(Join):
    """relu(W_v v) * tanh(W_u u) of each output u and of what the further inputs say, v.

    So that a question and a picture decide together: neither says anything alone. What convolutions see differs little
    from picture to picture beside what is always there, and tanh would take that difference away at the beginning.
    """

    def attach(self, width: int, layers: Stack, attention: MakeAttention | None) -> None:
        """The maps to vectors as wide as the layers' outputs."""
        self.of_outputs = Linear(layers.size, layers.size)
        self.of_inputs = Linear(self.summaries_size, layers.size)
        for linear in (self.of_outputs, self.of_inputs):  # a product of two small factors is hardly learnt
            nn.init.xavier_uniform_(linear.weight, gain=GAIN)

    def prepare(self, wholes: Mapping[str, Whole]) -> Tensor:
        """relu(W_v v), [batch hidden]."""
        return torch.relu(self.of_inputs(self.summaries(wholes)))

    def after(self, prepared: Tensor, y: Tensor, position: Tensor) -> Tensor:
        """y: [batch time hidden]; returns the same shape."""
        both: Tensor = torch.tanh(self.of_outputs(y)) * prepared.unsqueeze(1)
        return both
