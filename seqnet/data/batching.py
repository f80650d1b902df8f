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
    ) -> None:
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.num_workers = num_workers
        self.pool = pool
        self.batch_tokens = batch_tokens
        self._used = examples.lengths.nonzero()[:, 0]

    def num_batches(self, epoch: int) -> int:
        """How many batches the epoch has."""
        return -(-len(self._used) // self.batch_size) if self.batch_tokens is None else len(self.rows(epoch))

    def rows(self, epoch: int) -> list[Tensor]:
        """Which rows of the examples each batch of `epoch` holds, in the batch's order."""
        if not len(self._used):
            return []
        if not self.shuffle:
            return self._cut(self._sorted(self._used))
        random = generator(self.seed, "order", epoch)
        order = self._used[torch.randperm(len(self._used), generator=random)]
        batches = [batch for pool in torch.split(order, self._pool_rows()) for batch in self._cut(self._sorted(pool))]
        return [batches[n] for n in torch.randperm(len(batches), generator=random).tolist()]

    def _pool_rows(self) -> int:
        """How many rows a pool has."""
        if self.batch_tokens is None:
            return self.pool * self.batch_size
        return max(1, self.pool * self.batch_tokens * len(self._used) // int(self._widths(self._used).sum()))

    def _widths(self, rows: Tensor) -> Tensor:
        """How many steps each row needs, [rows]."""
        lengths, source = self.examples.lengths[rows], self.examples.source
        return lengths if source is None else lengths.maximum(source.lengths[rows])

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
        keys = [self.examples.lengths[rows]]
        if self.examples.source is not None:
            source = self.examples.source.lengths[rows]
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
        workers, random = min(self.num_workers, len(numbers)), generator(self.seed, "workers", epoch)
        with closing(ahead(made, numbers, workers, random)) as made_ahead:
            yield from islice(made_ahead, len(numbers))  # at one more torch would end its workers


class _Batches(Dataset[Batch | UserError]):
    """The batches of one epoch by number."""

    def __init__(self, loader: BucketLoader, epoch: int) -> None:
        self.loader = loader
        self.epoch = epoch
        self.rows = loader.rows(epoch)

    def __len__(self) -> int:
        return len(self.rows)

    def make(self, n: int) -> Batch:
        """Batch n."""
        loader = self.loader
        random = generator(loader.seed, "augment", self.epoch, n) if loader.shuffle else None
        return loader.examples.batch(self.rows[n], random)

    def __getitem__(self, n: int) -> Batch | UserError:
        # The user's one sentence comes back as it is; the DataLoader would wrap it in a worker's traceback, which
        # is right for any other error.
        try:
            return self.make(n)
        except UserError as error:
            return error
