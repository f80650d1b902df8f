"""From the encoder's final states to the state that the decoder begins in, layer by layer."""

import torch
from torch import nn

from seqnet.cells.initialisation import one_of
from seqnet.errors import ConfigurationError
from seqnet.linear import Linear
from seqnet.state import State, leaves, with_leaves

KINDS = ("linear", "copy", "zero")


class Bridge(nn.Module):
    """linear: tanh(W s + b) for every tensor of a decoder layer's state, so an LSTM's cell state too, where s is
    all of the encoder layer's final state; copy: that state itself; zero: nothing passes but by attention.

    An encoder without layers, or with other numbers of them, gives its last state to the layers it has none for.
    Raises ConfigurationError for an unknown kind and for a copy between states of different shapes.
    """

    def __init__(self, kind: str, encoder: tuple[State, ...], decoder: tuple[State, ...]) -> None:
        """encoder, decoder: a state of one row of each layer."""
        super().__init__()
        self.kind = one_of("model.bridge", kind, KINDS)
        self.copies = kind == "copy"
        self.maps = nn.ModuleList()
        if kind == "copy":
            _check_same(self._paired(encoder, decoder), decoder)
        elif kind == "linear":
            for before, after in zip(self._paired(encoder, decoder), decoder, strict=True):
                size = sum(tensor.numel() for tensor in leaves(before))
                self.maps.append(nn.ModuleList(Linear(size, tensor.numel()) for tensor in leaves(after)))

    @staticmethod
    def _paired(encoder: tuple[State, ...], decoder: tuple[State, ...]) -> list[State]:
        return [encoder[min(layer, len(encoder) - 1)] for layer in range(len(decoder))]

    def forward(self, encoder: tuple[State, ...], decoder: tuple[State, ...]) -> tuple[State, ...]:
        """The encoder's final states, and the decoder's initial ones that stand where nothing is bridged."""
        if self.copies:
            pairs = zip(self._paired(encoder, decoder), decoder, strict=True)
            return tuple(with_leaves(after, leaves(before)) for before, after in pairs)
        if not self.maps:
            return decoder
        states = []
        for before, after, maps in zip(self._paired(encoder, decoder), decoder, self.maps, strict=True):
            summary = torch.cat([tensor.flatten(1) for tensor in leaves(before)], dim=-1)
            tensors = [
                torch.tanh(linear(summary)).view_as(tensor)
                for linear, tensor in zip(maps, leaves(after), strict=True)  # type: ignore[call-overload]
            ]
            states.append(with_leaves(after, tensors))
        return tuple(states)


def _check_same(encoder: list[State], decoder: tuple[State, ...]) -> None:
    shapes = [[tuple(tensor.shape) for tensor in leaves(state)] for state in encoder]
    if shapes != [[tuple(tensor.shape) for tensor in leaves(state)] for state in decoder]:
        raise ConfigurationError(
            "model.bridge=copy needs an encoder whose final state has the shape of the decoder's (one direction, the "
            "same cell and width): set model.bridge=linear"
        )
