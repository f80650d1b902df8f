"""Further inputs at every step: beside each step's vector stands what the whole of them says."""

from collections.abc import Mapping

from torch import Tensor

from seqnet.batch import Whole
from seqnet.models.encoder import Encoder, beside
from seqnet.models.joins.join import Join


class Concat(Join):
    """The summaries of its inputs side by side, one vector a row, behind each of the row's steps."""

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        super().__init__(encoders)
        self.size = self.summaries_size

    def prepare(self, wholes: Mapping[str, Whole]) -> Tensor:
        """The vectors [batch size]."""
        return self.summaries(wholes)

    def before(self, prepared: Tensor, x: Tensor) -> Tensor:
        """x: [batch time feature]; returns [batch time feature+size]."""
        return beside(x, prepared)
