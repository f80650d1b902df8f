"""A long sequence as fewer vectors: convolutions over time that go on by two steps."""

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from seqnet.kinds import Axis, Item
from seqnet.layers.unroll import padding
from seqnet.options import whole
from seqnet.specs import Spec


class Subsampling(nn.Module):
    """Convolutions over time, 3 steps wide, each at every other step and followed by a ReLU (Dong et al. 2018).

    Each halves the steps, rounded up. size: numbers a vector; None: as many as a step has.
    """

    reads: ClassVar = tuple((item, Axis.SEQUENCE) for item in (Item.NUMBER, Item.LABELS, Item.PIXEL))

    def __init__(self, space: Spec, size: int | None, num_layers: Annotated[int, whole(1, 20)] = 2) -> None:
        super().__init__()
        self.size = size or space.size
        widths = [space.size, *[self.size] * num_layers]
        self.layers = nn.ModuleList(
            nn.Conv1d(width, above, kernel_size=3, stride=2, padding=1)
            for width, above in zip(widths, widths[1:], strict=False)
        )

    def shortened(self, lengths: Tensor) -> Tensor:
        """How many vectors rows of so many steps become, [batch]."""
        for _ in self.layers:
            lengths = (lengths + 1) // 2
        return lengths

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """values: [batch time feature], 0 in padding; lengths: [batch], None = every row is whole.

        Returns [batch positions size], 0 in padding.
        """
        found = values.transpose(1, 2)
        for layer in self.layers:
            found = torch.relu(layer(found))
            if lengths is not None:  # what a bias makes of padding is none of the next layer's
                lengths = (lengths + 1) // 2
                found = found.masked_fill(padding(lengths, found.shape[2])[:, None], 0)
        return found.transpose(1, 2)
