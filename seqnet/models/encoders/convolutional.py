"""A picture as one vector: convolutions that halve its sides, then a linear layer (LeCun et al. 1998)."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.draws import uniform
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis, Item
from seqnet.layers.dropout import Drop
from seqnet.linear import Linear
from seqnet.models.encoders.inputs import NO_WIDTH
from seqnet.options import CountFromZero, Dropout, Width, several, whole
from seqnet.specs import Frame, Image


class Convolutional(nn.Module):
    """For each of `channels` a 3 x 3 convolution, normalised, a ReLU, the maxima of 2 x 2; then a linear layer.

    Pictures are normalised one by one (Wu and He 2018, one group), so that neither padding nor the other rows of a
    batch change what is seen. features: of the vector; None: as wide as the model's embeddings. shift: in training,
    each row's pictures are moved by up to so many pixels, alike. dropout: before the linear layer. Raises
    ConfigurationError where no width is given, and for a picture too small to be halved so often.
    """

    reads: ClassVar = ((Item.PIXEL, Axis.GRID), (Item.PIXEL, Axis.STEP), (Item.PIXEL, Axis.SEQUENCE))

    def __init__(
        self,
        space: Image | Frame,
        size: int | None,
        channels: Annotated[Sequence[int], several(whole(1, 10_000))] = (8, 16),
        features: Width | None = None,
        shift: CountFromZero = 0,
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__()
        width = features or size
        if width is None:
            raise ConfigurationError(NO_WIDTH)
        halved = 2 ** len(channels)
        if min(space.height, space.width) < halved:
            raise ConfigurationError(
                f"{len(channels)} convolutions halve both sides of a picture as often, and these have "
                f"{space.height} x {space.width} pixels: give fewer channels"
            )
        self.size = width
        self.space = space
        self.shift = shift
        seen, blocks = space.channels, list[nn.Module]()
        for found in channels:
            convolution = nn.Conv2d(seen, found, kernel_size=3, padding=1)
            blocks += [convolution, nn.GroupNorm(found, found), nn.ReLU(), nn.MaxPool2d(2)]
            seen = found
        self.blocks = nn.Sequential(*blocks)
        self.dropout = Drop(dropout)
        self.linear = Linear(seen * (space.height // halved) * (space.width // halved), width)

    def forward(self, values: Tensor) -> Tensor:
        """values: a picture a row [batch height width*channels], or one a step [batch time height*width*channels].

        Returns [batch 1 size], or [batch time size].
        """
        batch, space = values.shape[0], self.space
        pixels = values.reshape(batch, -1, space.height, space.width, space.channels)
        if self.training and self.shift:
            pixels = moved(pixels, self.shift)
        seen = self.blocks(pixels.flatten(0, 1).permute(0, 3, 1, 2))
        seen = seen.flatten(1).unflatten(0, pixels.shape[:2])
        vectors: Tensor = self.linear(self.dropout(seen))
        return vectors


def moved(pixels: Tensor, most: int) -> Tensor:
    """Each row's pictures moved by -most to most pixels down and to the right, at random; what comes in is 0.

    pixels: [batch time height width channels].
    """
    batch, _, height, width, _ = pixels.shape
    padded = F.pad(pixels, (0, 0, most, most, most, most))
    down, right = (uniform(batch, 2, device=pixels.device) * (2 * most + 1)).long().T.unsqueeze(-1)
    rows = down + torch.arange(height, device=pixels.device)
    columns = right + torch.arange(width, device=pixels.device)
    every = torch.arange(batch, device=pixels.device)[:, None, None]
    return padded.transpose(0, 1)[:, every, rows[:, :, None], columns[:, None, :]].transpose(0, 1)
