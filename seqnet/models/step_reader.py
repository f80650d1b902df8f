"""What models without a recurrence over their first input read a batch with."""

from collections.abc import Mapping

from torch import Tensor, nn

from seqnet.batch import Batch
from seqnet.kinds import Axis, Kind
from seqnet.layers.dropout import Drop
from seqnet.layers.unroll import padding
from seqnet.models.encoder import Encoder
from seqnet.models.encoders.inputs import Inputs, Make, blank, make_encoder, readable, width_beside
from seqnet.models.joins.concat import Concat
from seqnet.specs import Spec


class StepReader(nn.Module):
    """The vectors of the steps of a batch, and what its further inputs, read whole, say: each the mean of its vectors.

    size: of a step's vector; summary_size: of what the further inputs say. Arguments: as for `Recurrent`.
    """

    @staticmethod
    def reads(inputs: Mapping[str, Kind]) -> set[str]:
        """The names of the inputs that it reads: one with steps, and whatever stands beside it."""
        return readable(inputs) if any(kind.axis is Axis.STEP for kind in inputs.values()) else set()

    def __init__(
        self,
        inputs: Spec,
        views: Mapping[str, Spec],
        wholes: Mapping[str, Spec],
        encoders: Mapping[str, Make],
        embedding_size: int | None,
        embedding_std: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.inputs = Inputs(inputs, views, embedding_size, embedding_std, encoders)
        self.size = self.inputs.size
        made = {
            name: encoders.get(name, make_encoder)(space, width_beside(space, embedding_size), embedding_std)
            for name, space in wholes.items()
        }
        further = {name: Encoder(encoder, None, 0.0) for name, encoder in made.items()}
        self.further = Concat(further) if further else None
        self.summary_size = 0 if self.further is None else self.further.size
        self.dropout = Drop(dropout)

    def encoders(self) -> dict[str, nn.Module]:
        """What reads each input, by the input's name; the first one's is empty."""
        found: dict[str, nn.Module] = {"": self.inputs.main, **self.inputs.by_name()}
        if self.further is not None:
            found |= self.further.by_name()
        return found

    def forward(self, window: Batch) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Vectors [batch time feature], 0 in padding; lengths [batch], None = every row is whole; the summary.

        The summary is [batch summary], None where there are no further inputs.
        """
        values, views, lengths = window.inputs, window.views, None if window.full else window.lengths
        if lengths is not None:  # whatever stands in padding, even NaN, must reach no weight's gradient
            ended = padding(lengths, values.shape[1])
            values, views = blank(values, ended), {name: blank(view, ended) for name, view in views.items()}
        x: Tensor = self.inputs(values, views)
        if lengths is not None:
            x = x.masked_fill(ended[..., None], 0)
        x = self.dropout(x)
        return x, lengths, None if self.further is None else self.further.prepare(window.wholes)
