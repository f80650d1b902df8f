"""Layers on top of each other."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from seqnet.errors import ConfigurationError
from seqnet.layers.bidirectional import Bidirectional
from seqnet.layers.dropout import Drop
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
        self.between = nn.ModuleList(Drop(dropout) for _ in self.layers[1:])
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
            if index > 0:
                x = self.between[index - 1](x)
            x, new = layer(x, None if state is None else state[index], lengths)
            if self.residual and index > 0 and x.shape[-1] == below.shape[-1]:
                x = x + below
            final.append(new)
        return x, tuple(final)


def idle_between(options: Mapping[str, Any]) -> dict[str, str]:
    """What the options of a single layer change nothing: they are of several."""
    why = "it is between layers, and model.num_layers=1"
    return {"dropout": why, "residual": why} if options["num_layers"] == 1 else {}


def stacked(
    cell: Callable[[int, int], nn.Module],
    width: int,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool = False,
    dropout: float = 0.0,
    residual: bool = False,
    fused: bool = True,
) -> Stack:
    """So many layers of cells, the first of which reads vectors of `width`.

    cell: makes one of (input_size, hidden_size). Raises ConfigurationError for no layers.
    """
    if num_layers < 1:
        raise ConfigurationError(f"model.num_layers must be at least 1, not {num_layers}")
    layers: list[Layer | Bidirectional] = []
    for _ in range(num_layers):
        if bidirectional:
            layer: Layer | Bidirectional = Bidirectional(
                Layer(cell(width, hidden_size), fused), Layer(cell(width, hidden_size), fused)
            )
        else:
            layer = Layer(cell(width, hidden_size), fused)
        layers.append(layer)
        width = layer.size
    return Stack(layers, dropout, residual)
