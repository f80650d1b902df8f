"""Further inputs looked at: every output of the recurrence asks, by attention, what it needs of them."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from seqnet.attention.memory import Memory
from seqnet.batch import Whole
from seqnet.linear import Linear
from seqnet.models.encoder import Encoder


class Attend(nn.Module):
    """tanh(W [contexts; output]) of each output (Luong et al. 2015, equation 5), with an attention for each input."""

    def __init__(
        self, encoders: Mapping[str, Encoder], query_size: int, attention: Callable[[int, int], nn.Module]
    ) -> None:
        super().__init__()
        self.names = tuple(encoders)
        self.encoders = nn.ModuleList(encoders.values())
        self.attentions = nn.ModuleList(attention(query_size, encoder.size) for encoder in encoders.values())
        found: int = sum(one.context_size for one in self.attentions)  # type: ignore[misc]
        self.combine = Linear(query_size + found, query_size)

    def prepare(self, wholes: Mapping[str, Whole]) -> tuple[Memory, ...]:
        """What will be asked, made once for all steps. wholes: its inputs among others."""
        triples = zip(self.names, self.encoders, self.attentions, strict=True)
        return tuple(attention.prepare(*encoder.memory(*wholes[name])) for name, encoder, attention in triples)  # type: ignore[operator]

    def forward(self, outputs: Tensor, memories: tuple[Memory, ...], position: Tensor) -> Tensor:
        """outputs: [batch time query]; position: [batch time], of the steps in their row; returns the same shape."""
        pairs = zip(self.attentions, memories, strict=True)
        contexts = [attention(outputs, memory, position, None, False).context for attention, memory in pairs]
        combined: Tensor = torch.tanh(self.combine(torch.cat([*contexts, outputs], dim=-1)))
        return combined
