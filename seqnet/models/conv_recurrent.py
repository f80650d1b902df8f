"""Convolution and pooling, then a recurrence over what is left: motifs, and how they follow each other."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

from seqnet.batch import Batch, Output
from seqnet.cells.initialisation import one_of
from seqnet.kinds import Kind
from seqnet.layers.dropout import Drop, idle_locked
from seqnet.layers.stack import idle_between, stacked
from seqnet.layers.unroll import padding
from seqnet.linear import Linear
from seqnet.models.encoders.inputs import Make
from seqnet.models.perceptron import beside
from seqnet.models.pooling import maximum, mean
from seqnet.models.row_model import RowModel
from seqnet.models.step_reader import StepReader
from seqnet.options import Count, Dropout, Width, number, whole
from seqnet.specs import Spec
from seqnet.state import State

READOUTS = ("mean", "max", "mean_max")


class ConvRecurrent(RowModel):
    """relu of a convolution over the steps, the maximum of every `pool` of them, and recurrent layers over these.

    DanQ of Quang and Xie 2016, figure 1. filters: of the convolution; width: steps that one sees, half before and half
    behind its own, zeros beyond a row's ends; pool: how many steps become one, at a row's end what is left. readout:
    `mean` or `max` of the top layer's outputs, or both side by side. The other arguments: as for `Recurrent`.
    """

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Options that change nothing, and why."""
        return idle_between(options) | idle_locked(options) | RowModel.idle(options, inputs, target)

    def __init__(
        self,
        cell: Callable[[int, int], nn.Module],
        inputs: Spec,
        views: Mapping[str, Spec],
        out_features: int,
        filters: Width = 32,
        width: Annotated[int, whole(1, 1000)] = 11,
        pool: Count = 4,
        hidden_size: Width = 32,
        num_layers: Annotated[int, whole(1, 1000)] = 1,
        bidirectional: bool = True,
        embedding_size: Width | None = None,
        embedding_std: Annotated[float, number(above=0, most=1000)] = 1.0,
        input_dropout: Dropout = 0.0,
        conv_dropout: Dropout = 0.0,
        dropout: Dropout = 0.0,
        output_dropout: Dropout = 0.0,
        residual: bool = False,
        readout: Literal["mean", "max", "mean_max"] = "mean_max",
        fused: bool = True,
        wholes: Mapping[str, Spec] = MappingProxyType({}),
        encoders: Mapping[str, Make] = MappingProxyType({}),
        head: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        one_of("model.readout", readout, READOUTS)
        self.reader = StepReader(inputs, views, wholes, encoders, embedding_size, embedding_std, input_dropout)
        self.convolution = nn.Conv1d(self.reader.size, filters, width)
        self.around = (width // 2, width - 1 - width // 2)
        self.pool = pool
        self.layers = stacked(cell, filters, hidden_size, num_layers, bidirectional, dropout, residual, fused)
        size = self.layers.size * (2 if readout == "mean_max" else 1) + self.reader.summary_size
        self.head = Linear(size, out_features) if head is None else head(size)
        self.readout = readout
        self.conv_dropout = Drop(conv_dropout)
        self.output_dropout = Drop(output_dropout)

    def forward(self, window: Batch, state: State = None) -> Output:
        """Features [batch feature]."""
        x, lengths, summary = self.reader(window)
        found = torch.relu(self.convolution(F.pad(x.transpose(1, 2), self.around)))
        if lengths is not None:  # what a filter sees from padding on is no answer; 0 is no more than any of them
            found = found.masked_fill(padding(lengths, found.shape[2])[:, None], 0)
            lengths = -(-lengths // self.pool)
        pooled = F.max_pool1d(found, self.pool, ceil_mode=True).transpose(1, 2)
        y, _ = self.layers(self.conv_dropout(pooled), None, lengths)
        ways = {"mean": (mean,), "max": (maximum,), "mean_max": (mean, maximum)}[self.readout]
        features = beside(torch.cat([way(y, lengths) for way in ways], dim=-1), summary)
        features = self.output_dropout(features)
        return Output(features, self.head, None)
