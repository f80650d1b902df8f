"""Further inputs at every step: beside each step's vector stands what the whole of them says."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqnet.batch import Whole
from seqnet.models.encoder import Encoder, summary


class Concat(nn.Module):
    """The summaries of its inputs side by side, one vector a row."""

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        super().__init__()
        self.names = tuple(encoders)
        self.encoders = nn.ModuleList(encoders.values())
        self.size = sum(encoder.summary_size for encoder in encoders.values())

    def forward(self, wholes: Mapping[str, Whole]) -> Tensor:
        """wholes: its inputs among others; returns [batch size]."""
        read = [summary(encoder(*wholes[name])[1]) for name, encoder in zip(self.names, self.encoders, strict=True)]
        return torch.cat(read, dim=-1)
