"""Words as what a convolution finds in their spelling."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqnet.kinds import Axis, Item
from seqnet.specs import Spelling


class Letters(nn.Module):
    """The maximum over a word's letters of a convolution of width 3.

    Sizes are those of Ma and Hovy (2016): letters of 30 numbers, 30 filters.
    """

    reads: ClassVar = ((Item.TOKEN, Axis.STEP),)

    def __init__(self, space: Spelling, letter_size: int = 30, filters: int = 30) -> None:
        super().__init__()
        self.size = filters
        self.embedding = nn.Embedding(space.size, letter_size, padding_idx=0)
        self.convolution = nn.Conv1d(letter_size, filters, kernel_size=3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        """values: [batch time letters], 0 behind a word's last; returns 0 where a step has no letters."""
        words = values.flatten(0, 1)
        outside = (words == 0)[:, None]
        found = self.convolution(self.embedding(words).transpose(1, 2)).masked_fill(outside, -torch.inf).amax(-1)
        filled: Tensor = found.masked_fill(outside.all(-1), 0)
        return filled.view(*values.shape[:2], -1)
