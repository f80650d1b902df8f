"""The bag of words: the mean of the steps' vectors, in whatever order they stand (Iyyer et al. 2015)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated

from torch import nn

from seqnet.batch import Batch, Output
from seqnet.linear import Linear
from seqnet.models.encoders.inputs import Make
from seqnet.models.perceptron import Perceptron, Sizes, beside
from seqnet.models.pooling import mean
from seqnet.models.row_model import RowModel
from seqnet.models.step_reader import StepReader
from seqnet.options import Dropout, Width, number
from seqnet.specs import Spec
from seqnet.state import State


class BagOfWords(RowModel):
    """z = 1/n sum_t v(x_t), hidden layers h = relu(W z + b), and a linear head; without hidden layers a linear model.

    With hidden layers it is the deep averaging network of Iyyer et al. 2015, section 3. hidden_sizes: of
    these. The other arguments: as for `Recurrent`. It knows nothing of order: what a recurrence is worth is seen
    beside it.
    """

    def __init__(
        self,
        inputs: Spec,
        views: Mapping[str, Spec],
        out_features: int,
        hidden_sizes: Sizes = (),
        embedding_size: Width | None = 64,
        embedding_std: Annotated[float, number(above=0, most=1000)] = 0.1,
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
        x, lengths, summary = self.reader(window)
        features = self.hidden(beside(mean(x, lengths), summary))
        return Output(features, self.head, None)
