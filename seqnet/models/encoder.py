"""The side of an encoder-decoder that reads a source whole."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.layers.stack import Stack
from seqnet.layers.unroll import padding
from seqnet.models.readers import blank
from seqnet.state import HiddenState, State


class Encoder(nn.Module):
    """A reader, and recurrent layers over what it reads; without layers, the reader's vectors as they are."""

    def __init__(self, reader: nn.Module, layers: Stack | None, input_dropout: float) -> None:
        super().__init__()
        self.reader = reader
        self.layers = layers
        self.input_dropout = input_dropout
        self.size: int = reader.size if layers is None else layers.size  # type: ignore[assignment]

    def initial_state(self, batch_size: int) -> tuple[State, ...]:
        """What the final states look like, before anything is read."""
        if self.layers is not None:
            return self.layers.initial_state(batch_size)
        return (HiddenState(torch.zeros(batch_size, self.size)),)

    def forward(self, source: Tensor, lengths: Tensor | None) -> tuple[Tensor, tuple[State, ...]]:
        """source: [batch source_time] or [batch source_time feature]; lengths: [batch], None = every row is whole.

        Returns vectors [batch positions size], 0 in padding, and the final state of each layer, which without
        layers is the mean of the vectors.
        """
        if lengths is not None:
            source = blank(source, padding(lengths, source.shape[1]))
        x = self.reader(source, {})
        if self.input_dropout:
            x = F.dropout(x, self.input_dropout, self.training)
        if self.layers is not None:
            encoded, states = self.layers(x, None, lengths)
            return encoded, states
        if lengths is None:
            return x, (HiddenState(x.mean(1)),)
        x = x.masked_fill(padding(lengths, x.shape[1])[..., None], 0)
        return x, (HiddenState(x.sum(1) / lengths.clamp(min=1)[:, None]),)
