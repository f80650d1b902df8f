"""Hidden layers over vectors, one a row, and no recurrence."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated

from torch import nn

from seqnet.batch import Batch, Output
from seqnet.kinds import ONE, Axis, Kind
from seqnet.linear import Linear
from seqnet.models.encoders.inputs import Make, readable
from seqnet.models.perceptron import Perceptron, Sizes, beside
from seqnet.models.row_model import RowModel
from seqnet.models.step_reader import StepReader
from seqnet.options import Dropout, Width, number
from seqnet.specs import Spec
from seqnet.state import State


class FeedForward(RowModel):
    """h = relu(W h + b), so many times, over what is known of a row: one value or vector of each input; a linear head.

    hidden_sizes: of these layers. embedding_size None: tokens one-hot, numbers as they are. The other
    arguments: as for `Recurrent`.
    """

    @staticmethod
    def reads(inputs: Mapping[str, Kind]) -> set[str]:
        """The names of the inputs that it reads: those of which a row has one value."""
        return {name for name in readable(inputs) if inputs[name].axis is Axis.ROW or ONE in inputs[name].traits}

    def __init__(
        self,
        inputs: Spec,
        views: Mapping[str, Spec],
        out_features: int,
        hidden_sizes: Sizes = (128,),
        embedding_size: Width | None = None,
        embedding_std: Annotated[float, number(above=0, most=1000)] = 1.0,
        input_dropout: Dropout = 0.0,
        output_dropout: Dropout = 0.0,
        wholes: Mapping[str, Spec] = MappingProxyType({}),
        encoders: Mapping[str, Make] = MappingProxyType({}),
        head: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.reader = StepReader(inputs, views, wholes, encoders, embedding_size, embedding_std, input_dropout)
        self.hidden = Perceptron(self.reader.size + self.reader.summary_size, hidden_sizes, output_dropout)
        self.head = Linear(self.hidden.size, out_features) if head is None else head(self.hidden.size)

    def forward(self, window: Batch, state: State = None) -> Output:
        """Features [batch feature]."""
        x, _, summary = self.reader(window)
        features = self.hidden(beside(x[:, 0], summary))
        return Output(features, self.head, None)
