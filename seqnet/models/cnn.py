"""Convolutions over the steps, and the strongest answer of each filter (Kim 2014)."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

import torch
from torch import Tensor, nn

from seqnet.batch import Batch, Output
from seqnet.layers.dropout import Drop
from seqnet.linear import Linear
from seqnet.models.encoders.inputs import Make
from seqnet.models.perceptron import beside
from seqnet.models.pooling import maximum
from seqnet.models.row_model import RowModel
from seqnet.models.step_reader import StepReader
from seqnet.options import Dropout, Option, Width, number, several, whole
from seqnet.specs import Spec
from seqnet.state import State

Widths = Annotated[
    Sequence[int],
    Option(
        "a list of different whole numbers from 1 to 1000",
        lambda value: several(whole(1, 1000)).accepts(value) and 0 < len(value) == len(set(value)),
    ),
]


class CNN(RowModel):
    """c = relu(w . x_{i:i+h-1} + b) for filters of several widths h, the maximum of each over the row, a linear head.

    Equations 2 and 3 of Kim 2014, over rows that are padded by h - 1 zeros on either side, so that a row may be shorter
    than a filter. widths: of the filters, in steps; filters: of each width. The other arguments: as for `Recurrent`.
    """

    def __init__(
        self,
        inputs: Spec,
        views: Mapping[str, Spec],
        out_features: int,
        widths: Widths = (3, 4, 5),
        filters: Width = 100,
        embedding_size: Width | None = 64,
        embedding_std: Annotated[float, number(above=0, most=1000)] = 0.1,
        input_dropout: Dropout = 0.0,
        output_dropout: Dropout = 0.5,
        wholes: Mapping[str, Spec] = MappingProxyType({}),
        encoders: Mapping[str, Make] = MappingProxyType({}),
        head: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.reader = StepReader(inputs, views, wholes, encoders, embedding_size, embedding_std, input_dropout)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(self.reader.size, filters, width, padding=width - 1) for width in widths
        )
        size = filters * len(widths) + self.reader.summary_size
        self.head = Linear(size, out_features) if head is None else head(size)
        self.output_dropout = Drop(output_dropout)

    def forward(self, window: Batch, state: State = None) -> Output:
        """Features [batch feature]."""
        x, lengths, summary = self.reader(window)
        strongest = [self._strongest(convolution, x, lengths) for convolution in self.convolutions]
        features = beside(torch.cat(strongest, dim=-1), summary)
        features = self.output_dropout(features)
        return Output(features, self.head, None)

    def _strongest(self, convolution: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
        """The maximum of each filter over the row, [batch filters]."""
        found = torch.relu(convolution(x.transpose(1, 2))).transpose(1, 2)
        more = found.shape[1] - x.shape[1]
        return maximum(found, None if lengths is None else torch.where(lengths > 0, lengths + more, 0))
