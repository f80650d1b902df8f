"""Further inputs read first: the state in which the recurrence begins is made of them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from seqnet.batch import Whole
from seqnet.layers.stack import Stack
from seqnet.models.bridge import Bridge
from seqnet.models.joins.join import Join, MakeAttention
from seqnet.state import HiddenState, State


class InitialState(Join):
    """tanh(W s + b) for each tensor of each layer's first state, where s are the summaries of its inputs."""

    def attach(self, width: int, layers: Stack, attention: MakeAttention | None) -> None:
        """The map from the summaries to the layers' states."""
        read = torch.zeros(1, self.summaries_size)
        self.bridge = Bridge("linear", (HiddenState(read),), layers.initial_state(1))

    def prepare(self, wholes: Mapping[str, Whole]) -> Tensor:
        """The summaries side by side [batch feature]."""
        return self.summaries(wholes)

    def first(self, prepared: Tensor, states: tuple[State, ...]) -> tuple[State, ...]:
        """states: the layers' where nothing was read."""
        found: tuple[State, ...] = self.bridge((HiddenState(prepared),), states)
        return found
