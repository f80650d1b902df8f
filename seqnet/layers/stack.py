"""Layers on top of each other."""

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.layers.bidirectional import Bidirectional
from seqnet.layers.layer import Layer
from seqnet.state import State


class Stack(nn.Module):
    """Layers of any depth, with dropout between them and, where `residual`, shortcuts around them.

    Dropout is drawn outside the layers, so that it is reproducible everywhere. A shortcut adds a layer's
    input, before dropout, to its output: from the second layer on, where the widths match. The state is a tuple.
    """

    def __init__(self, layers: Iterable[Layer | Bidirectional], dropout: float = 0.0, residual: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.dropout = dropout
        self.residual = residual
        self.size: int = self.layers[-1].size  # type: ignore[assignment]

    def initial_state(self, batch_size: int) -> tuple[State, ...]:
        """Each layer's state at the beginning."""
        return tuple(layer.initial_state(batch_size) for layer in self.layers)  # type: ignore[operator]

    def forward(
        self, x: Tensor, state: tuple[State, ...] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """x: [batch time feature]; returns the top layer's outputs [batch time size] and all final states."""
        final = []
        for index, layer in enumerate(self.layers):
            below = x
            if index > 0 and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            x, new = layer(x, None if state is None else state[index], lengths)
            if self.residual and index > 0 and x.shape[-1] == below.shape[-1]:
                x = x + below
            final.append(new)
        return x, tuple(final)
