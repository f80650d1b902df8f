"""Which rows stand together: all of them in random order, or where they are too many, block by block."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seqnet.data.generation import generator

FREELY = 1 << 22  # rows that are permuted freely where nothing is said
BLOCK = 1 << 12  # neighbouring rows that are read together where they are more
BLOCKS = 256  # blocks whose rows are mixed


@dataclass(frozen=True)
class Shuffling:
    """Rows of an epoch in parts, whose rows are mixed with each other only; a part is a pure function of its number.

    Blocks of neighbours come in random order, and BLOCKS of them after each other are a part. rows: how many there are.
    block: rows of a block; None: all rows are one part, unless they are more than FREELY. shuffle=False: blocks come as
    they stand, and so do their rows.
    """

    rows: int
    block: int | None
    seed: int
    shuffle: bool = True

    @property
    def whole(self) -> bool:
        """Whether all rows are one part."""
        return self.rows <= FREELY if self.block is None else self.rows <= self.block

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return min(self.rows, 1) if self.whole else -(-self._blocks // BLOCKS)

    @property
    def _blocks(self) -> int:
        return -(-self.rows // self._size)

    @property
    def _size(self) -> int:
        return self.block or BLOCK

    def part(self, epoch: int, number: int) -> Tensor:
        """The rows of a part, block after block, before they are mixed."""
        if self.whole:
            return torch.arange(self.rows)
        blocks = torch.arange(self._blocks)
        if self.shuffle:
            blocks = torch.randperm(self._blocks, generator=generator(self.seed, "blocks", epoch))
        begins = blocks[number * BLOCKS : (number + 1) * BLOCKS, None] * self._size
        rows = (begins + torch.arange(self._size)).flatten()
        return rows[rows < self.rows]

    def random(self, name: str, epoch: int, number: int) -> torch.Generator:
        """What mixes the rows of a part."""
        return generator(self.seed, name, epoch, *([] if self.whole else [number]))

    def order(self, name: str, epoch: int) -> Tensor:
        """All rows, each part mixed: [rows]."""
        found = [torch.arange(0)]
        for number in range(self.parts):
            rows, random = self.part(epoch, number), self.random(name, epoch, number)
            found.append(rows[torch.randperm(len(rows), generator=random)] if self.shuffle else rows)
        return torch.cat(found)
