"""A picture as a map of what convolutions see, a vector a place (Xu et al. 2015, section 3.1.1)."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from seqnet.kinds import Axis, Item
from seqnet.options import several, whole
from seqnet.specs import Image


class FeatureMap(nn.Module):
    """For each of `channels` a 3 x 3 convolution, normalised, and a ReLU; behind the first the maxima of 2 x 2.

    Each region of 2 x 2 pixels is a place, row by row, its vector as wide as the last of `channels`, with a vector
    learnt for the place added to it. Pictures are normalised one by one (Wu and He 2018, one group).
    """

    reads: ClassVar = ((Item.PIXEL, Axis.GRID),)

    def __init__(
        self, space: Image, channels: Annotated[Sequence[int], several(whole(1, 10_000))] = (16, 32, 64)
    ) -> None:
        super().__init__()
        self.channels = space.channels
        seen, blocks = space.channels, list[nn.Module]()
        for place, found in enumerate(channels):
            blocks += [nn.Conv2d(seen, found, kernel_size=3, padding=1), nn.GroupNorm(found, found), nn.ReLU()]
            blocks += [nn.MaxPool2d(2, ceil_mode=True)] if place == 0 else []
            seen = found
        self.blocks = nn.Sequential(*blocks)
        self.size = seen
        self.place = nn.Parameter(torch.empty(space.regions[0] * space.regions[1], seen))
        nn.init.normal_(self.place, std=1.0)

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch height width*channels]; returns [batch regions size]."""
        pixels = values.unflatten(2, (-1, self.channels)).permute(0, 3, 1, 2)
        found: Tensor = self.blocks(pixels).flatten(2).transpose(1, 2) + self.place
        return found
