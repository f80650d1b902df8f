"""Further inputs read first: the state in which the recurrence begins is made of them."""

from collections.abc import Mapping

import torch
from torch import nn

from seqnet.batch import Whole
from seqnet.layers.stack import Stack
from seqnet.models.bridge import Bridge
from seqnet.models.encoder import Encoder, summary
from seqnet.state import HiddenState, State


class InitialState(nn.Module):
    """tanh(W s + b) for each tensor of each layer's first state, where s are the summaries of its inputs."""

    def __init__(self, encoders: Mapping[str, Encoder], layers: Stack) -> None:
        super().__init__()
        self.names = tuple(encoders)
        self.encoders = nn.ModuleList(encoders.values())
        read = torch.zeros(1, sum(encoder.summary_size for encoder in encoders.values()))
        self.bridge = Bridge("linear", (HiddenState(read),), layers.initial_state(1))

    def forward(self, wholes: Mapping[str, Whole], first: tuple[State, ...]) -> tuple[State, ...]:
        """wholes: its inputs among others; first: the layers' states where nothing was read."""
        read = [summary(encoder(*wholes[name])[1]) for name, encoder in zip(self.names, self.encoders, strict=True)]
        states: tuple[State, ...] = self.bridge((HiddenState(torch.cat(read, dim=-1)),), first)
        return states
