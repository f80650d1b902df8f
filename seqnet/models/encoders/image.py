"""A picture as vectors, one a region."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqnet.kinds import Axis, Item
from seqnet.specs import Image


class Regions(nn.Module):
    """What two convolutions see in each region of a picture, [batch regions feature], row by row.

    Convolutions of 3 x 3, each followed by a ReLU, then the mean of each region's 2 x 2 values. What the first
    sees is added to a vector learnt for each value's place, so that the second, and attention, know where it is.
    """

    reads: ClassVar = ((Item.PIXEL, Axis.GRID),)

    def __init__(self, space: Image, size: int) -> None:
        super().__init__()
        self.size = size
        self.channels = space.channels
        self.first = nn.Conv2d(space.channels, size, kernel_size=3, padding=1)
        self.second = nn.Conv2d(size, size, kernel_size=3, padding=1)
        self.place = nn.Parameter(torch.empty(size, space.height, space.width))
        nn.init.normal_(self.place, std=0.1)
        self.pool = nn.AvgPool2d(2, ceil_mode=True)

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch height width*channels], a pixel's channels side by side."""
        pixels = values.unflatten(2, (-1, self.channels)).permute(0, 3, 1, 2)
        seen = torch.relu(self.first(pixels)) + self.place
        found: Tensor = self.pool(torch.relu(self.second(seen)))
        return found.flatten(2).transpose(1, 2)
