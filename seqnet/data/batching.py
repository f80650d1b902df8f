"""Independent sequences side by side: rows of like length share a batch, so that little of it is padding."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seqnet.batch import Batch
from seqnet.data.examples import Examples
from seqnet.data.generation import generator
from seqnet.data.shuffling import Shuffling
from seqnet.data.workers import ahead
from seqnet.errors import UserError


class BucketLoader:
    """Batches of `batch_size` rows; batch n of an epoch is a pure function of (examples, seed, epoch, n).

    batch_tokens: in place of `batch_size`, each batch holds as many rows as fit into so many steps, padding
    included, and at least one; of a row with a source the longer side counts. How many batches an epoch has then
    depends on the epoch.

    shuffle=True, for training: rows in random order, cut into pools of about `pool` batches; a pool is sorted by
    length and cut into batches, and these come in random order, augmented. shuffle=False, for evaluation:
    all rows sorted by length, as they are. Rows without a step are left out: nothing can be asked of them.
    shuffle_block: so many neighbours are read together (see `Shuffling`), in evaluation as they stand; None: only
    where there are very many rows.
    num_workers: how many processes make batches ahead of their use; they change no number. No random
    generator but the loader's own is used.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        seed: int,
        shuffle: bool,
        num_workers: int = 0,
        pool: int = 100,
        batch_tokens: int | None = None,
        shuffle_block: int | None = None,
    ) -> None:
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.num_workers = num_workers
        self.pool = pool
        self.batch_tokens = batch_tokens
        self._order = Shuffling(len(examples), shuffle_block, seed, shuffle)
        self._counted: dict[int, list[int]] = {}

    def num_batches(self, epoch: int) -> int:
        """How many batches the epoch has."""
        return sum(self._counts(epoch))

    def rows(self, epoch: int) -> list[Tensor]:
        """Which rows of the examples each batch of `epoch` holds, in the batch's order."""
        return [rows for number in range(self._order.parts) for rows in self.rows_of_part(epoch, number)]

    def rows_of_part(self, epoch: int, number: int) -> list[Tensor]:
        """The same of a part of the epoch, which holds some of the rows."""
        used = self._used(epoch, number)
        if not len(used):
            return []
        if not self.shuffle:
            return self._cut(self._sorted(used))
        random = self._order.random("order", epoch, number)
        order = used[torch.randperm(len(used), generator=random)]
        batches = [rows for pool in torch.split(order, self._pool_rows(used)) for rows in self._cut(self._sorted(pool))]
        return [batches[n] for n in torch.randperm(len(batches), generator=random).tolist()]

    def part_of(self, epoch: int, n: int) -> tuple[int, int]:
        """In which part batch n of an epoch is, and which of its batches it is."""
        for number, count in enumerate(self._counts(epoch)):
            if n < count:
                return number, n
            n -= count
        raise IndexError(f"epoch {epoch} has no batch {n} more")

    def _used(self, epoch: int, number: int) -> Tensor:
        """The rows of a part that have a step."""
        rows = self._order.part(epoch, number)
        return rows[self.examples.inputs.lengths_of(rows) > 0]

    def _counts(self, epoch: int) -> list[int]:
        """How many batches each part of an epoch has."""
        if epoch not in self._counted:
            parts = range(self._order.parts)
            if self.batch_tokens is None:
                found = [-(-len(self._used(epoch, number)) // self.batch_size) for number in parts]
            else:
                found = [len(self.rows_of_part(epoch, number)) for number in parts]
            self._counted = {epoch: found}
        return self._counted[epoch]

    def _pool_rows(self, used: Tensor) -> int:
        """How many rows a pool has. used: of which it is one."""
        if self.batch_tokens is None:
            return self.pool * self.batch_size
        return max(1, self.pool * self.batch_tokens * len(used) // int(self._widths(used).sum()))

    def _widths(self, rows: Tensor) -> Tensor:
        """How many steps each row needs, [rows]."""
        lengths, source = self.examples.inputs.lengths_of(rows), self.examples.source
        return lengths if source is None else lengths.maximum(source.lengths_of(rows))

    def _cut(self, rows: Tensor) -> list[Tensor]:
        """Rows in their order, cut into batches."""
        if self.batch_tokens is None:
            return list(torch.split(rows, self.batch_size))
        sizes, size, widest = [], 0, 0
        for width in self._widths(rows).tolist():
            widest = max(widest, width)
            if size and (size + 1) * widest > self.batch_tokens:
                sizes.append(size)
                size, widest = 0, width
            size += 1
        return list(torch.split(rows, [*sizes, size]))

    def _sorted(self, rows: Tensor) -> Tensor:
        """Rows by the length of their inputs, then of their source; else in the order they had.

        The source's length rises and falls in turn, so that a batch that spans two lengths has sources alike.
        """
        keys = [self.examples.inputs.lengths_of(rows)]
        if self.examples.source is not None:
            source = self.examples.source.lengths_of(rows)
            keys.insert(0, torch.where(keys[0] % 2 == 1, source, -source))
        return rows[torch.from_numpy(np.lexsort([key.numpy() for key in keys]))]

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of `epoch` from number `start` on; those before it are not made.

        Raises what making a batch raises, from a worker too.
        """
        made = _Batches(self, epoch)
        numbers = range(start, len(made))
        if not self.num_workers or not numbers:
            for n in numbers:
                yield made.make(n)
            return
        made._rows(start)  # in whose order the first part comes the workers inherit
        workers, random = min(self.num_workers, len(numbers)), generator(self.seed, "workers", epoch)
        with closing(ahead(made, numbers, workers, random)) as made_ahead:
            yield from islice(made_ahead, len(numbers))  # at one more torch would end its workers


class _Batches(Dataset[Batch | UserError]):
    """The batches of one epoch by number."""

    def __init__(self, loader: BucketLoader, epoch: int) -> None:
        self.loader = loader
        self.epoch = epoch
        self._length = loader.num_batches(epoch)
        self._part: tuple[int, list[Tensor]] = (-1, [])  # the one that was read last

    def __len__(self) -> int:
        return self._length

    def _rows(self, n: int) -> Tensor:
        number, place = self.loader.part_of(self.epoch, n)
        if self._part[0] != number:
            self._part = number, self.loader.rows_of_part(self.epoch, number)
        return self._part[1][place]

    def make(self, n: int) -> Batch:
        """Batch n."""
        loader = self.loader
        random = generator(loader.seed, "augment", self.epoch, n) if loader.shuffle else None
        return loader.examples.batch(self._rows(n), random)

    def __getitem__(self, n: int) -> Batch | UserError:
        # The user's one sentence comes back as it is; the DataLoader would wrap it in a worker's traceback, which
        # is right for any other error.
        try:
            return self.make(n)
        except UserError as error:
            return error
