"""Independent sequences side by side: rows of like length share a batch, so that little of it is padding."""

import atexit
import multiprocessing
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from multiprocessing.connection import wait
from multiprocessing.context import ForkContext
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._C import _remove_worker_pids
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils.signal_handling import _set_SIGCHLD_handler
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from seqnet.batch import Batch
from seqnet.data.examples import Examples
from seqnet.data.generation import generator
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
        # Without a generator of its own the DataLoader's iterator would draw a number from the global one.
        loader = DataLoader(
            made,
            batch_size=None,
            sampler=numbers,
            num_workers=min(self.num_workers, len(numbers)),
            collate_fn=_unchanged,
            multiprocessing_context=_WithoutLocks(),
            worker_init_fn=_leave_signals_to_the_parent,
            generator=generator(self.seed, "workers", epoch),
        )
        made_ahead = _begun(loader)
        end = partial(_end, made_ahead)
        atexit.register(end)
        try:
            for batch in islice(made_ahead, len(numbers)):  # at one more torch would end its workers
                if isinstance(batch, UserError):
                    raise batch
                yield batch
        except (RuntimeError, OSError, EOFError) as error:
            # The DataLoader does not always see that a worker died, nor by which signal.
            if not isinstance(error, RuntimeError):  # what it was about to send breaks off as it dies
                ends = wait([worker.sentinel for worker in made_ahead._workers], timeout=1)
                for worker in made_ahead._workers:
                    worker.join(timeout=1 if worker.sentinel in ends else 0)
            for worker in made_ahead._workers:
                if (worker.exitcode or 0) < 0:
                    what = f"DataLoader worker (pid {worker.pid}) is killed by signal"
                    raise RuntimeError(f"{what}: {signal.strsignal(-worker.exitcode)}.") from error
            raise
        finally:
            end()
            atexit.unregister(end)


class _Told:
    """A multiprocessing.Event that nobody waits for: asking takes no lock, which a worker may hold as it is killed."""

    def __init__(self) -> None:
        self._value = multiprocessing.RawValue("b", 0)

    def set(self) -> None:
        """Tell it."""
        self._value.value = 1

    def is_set(self) -> bool:
        """Whether it was told."""
        return bool(self._value.value)


class _WithoutLocks(ForkContext):
    """How workers are forked."""

    def Event(self) -> Any:
        """Where torch, in a parent that has lost a worker, would else wait for ever."""
        return _Told()


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


def _unchanged(batch: Any) -> Any:
    return batch


def _begun(loader: DataLoader[Any]) -> Any:
    """The loader's iterator and its workers; where something comes between, no worker is left."""
    loader.check_worker_number_rationality()
    others = set(multiprocessing.active_children())
    made_ahead: Any = object.__new__(_MultiProcessingDataLoaderIter)
    try:
        with _deaths_held():
            made_ahead.__init__(loader)
        return made_ahead
    except BaseException:
        _give_up(made_ahead)
        _kill(set(multiprocessing.active_children()) - others)
        raise


def _end(made_ahead: Any) -> None:
    """End the workers, which have nothing to keep."""
    _give_up(made_ahead)
    _kill(made_ahead._workers)
    for queue in made_ahead._index_queues:
        queue.close()


def _give_up(made_ahead: Any) -> None:
    """Have torch forget its workers, which it would ask to end, and wait for."""
    made_ahead._shutdown = True
    with suppress(Exception):  # they may not be known yet, or no more
        _remove_worker_pids(id(made_ahead))


def _kill(workers: Iterable[BaseProcess]) -> None:
    """Python waits at its end for workers that it sent SIGTERM, which they ignore."""
    workers = list(workers)
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.join()


@contextmanager
def _deaths_held() -> Iterator[None]:
    """What torch raises wherever the process is as a worker dies waits: it would leave half an iterator or thread."""
    if threading.current_thread() is not threading.main_thread():
        yield  # there are no signals
        return
    _set_SIGCHLD_handler()
    died: list[int] = []
    handler = signal.signal(signal.SIGCHLD, lambda number, frame: died.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler)
    if died and callable(handler):
        handler(died[0], None)


def _leave_signals_to_the_parent(worker: int) -> None:
    """An interrupt reaches all processes of a terminal; the parent ends in order and takes its workers along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
