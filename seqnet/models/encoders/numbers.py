"""Numbers as vectors."""

from typing import ClassVar

from torch import Tensor, nn

from seqnet.kinds import Axis, Item
from seqnet.linear import Linear
from seqnet.specs import Spec

AXES = (Axis.STEP, Axis.SEQUENCE, Axis.ROW)
OF_NUMBERS = tuple((item, axis) for item in (Item.NUMBER, Item.LABELS, Item.PIXEL) for axis in AXES)


class Projection(nn.Module):
    """A learnt linear map of each step's numbers."""

    reads: ClassVar = OF_NUMBERS

    def __init__(self, space: Spec, size: int) -> None:
        super().__init__()
        self.size = size
        self.linear = Linear(space.size, size)

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch time feature]."""
        projected: Tensor = self.linear(values)
        return projected


class Features(nn.Module):
    """Each step's numbers as they are."""

    reads: ClassVar = OF_NUMBERS

    def __init__(self, space: Spec) -> None:
        super().__init__()
        self.size = space.size

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch time feature]."""
        return values
