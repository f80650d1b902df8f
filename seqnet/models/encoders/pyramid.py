"""A long sequence as fewer and fewer vectors: layers of which each reads some neighbours as one."""

from collections.abc import Callable
from typing import Annotated, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.kinds import Axis, Item
from seqnet.layers.bidirectional import Bidirectional
from seqnet.layers.dropout import Drop
from seqnet.layers.layer import Layer
from seqnet.options import Dropout, Width, whole
from seqnet.specs import Spec

Joined = Annotated[int, whole(1, 1000)]


class Pyramid(nn.Module):
    """Recurrent layers, before each of which `join` neighbouring steps become one (Chan et al. 2016, equation 5).

    A last group that is not full is filled with zeros, so that nothing is lost. cell: makes one of (input_size,
    hidden_size), in each direction where `bidirectional`. dropout: between layers.
    """

    reads: ClassVar = tuple((item, Axis.SEQUENCE) for item in (Item.NUMBER, Item.LABELS, Item.PIXEL))

    def __init__(
        self,
        space: Spec,
        cell: Callable[[int, int], nn.Module],
        hidden_size: Width = 64,
        num_layers: Annotated[int, whole(1, 20)] = 2,
        join: Joined = 2,
        bidirectional: bool = True,
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__()
        self.join = join
        width, layers = space.size, list[Layer | Bidirectional]()
        for _ in range(num_layers):
            sides = [Layer(cell(width * join, hidden_size)) for _ in range(1 + bidirectional)]
            layers.append(Bidirectional(*sides) if bidirectional else sides[0])
            width = layers[-1].size
        self.layers = nn.ModuleList(layers)
        self.between = nn.ModuleList(Drop(dropout) for _ in layers[1:])
        self.size = width

    def shortened(self, lengths: Tensor) -> Tensor:
        """How many vectors rows of so many steps become, [batch]."""
        for _ in self.layers:
            lengths = (lengths + self.join - 1) // self.join
        return lengths

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """values: [batch time feature], 0 in padding; lengths: [batch], None = every row is whole.

        Returns [batch positions size], 0 in padding.
        """
        for number, layer in enumerate(self.layers):
            if number:
                values = self.between[number - 1](values)
            values = joined(values, self.join)
            lengths = None if lengths is None else (lengths + self.join - 1) // self.join
            values = layer(values, None, lengths)[0]
        return values


def joined(values: Tensor, some: int) -> Tensor:
    """values [batch time feature] with so many neighbours side by side, [batch ceil(time/some) some*feature]."""
    lacking = -values.shape[1] % some
    found: Tensor = F.pad(values, (0, 0, 0, lacking)).unflatten(1, (-1, some)).flatten(2)
    return found
