"""Memory that all ranks of one machine see: what each has is added up there, where a message is copied many times."""

import mmap
import os
import tempfile
from collections.abc import Sequence

import torch
from torch import Tensor

from seqnet.training.ranks import Ranks

PLACE = "/dev/shm"  # Linux's: files there are memory
MOST = 4  # ranks: each reads what all have written, and of a message only its share


class SharedSum:
    """Adds up tensors of all ranks in memory that they share: two places for what each of them has; see `shared`."""

    def __init__(self, ranks: Ranks, memory: Tensor) -> None:
        self._ranks = ranks
        # Who is soon at the next sum writes elsewhere: others may still read this one, but none the one before it.
        self._now, self._next = memory

    def __call__(self, tensors: Sequence[Tensor], message: Tensor) -> tuple[Sequence[Tensor], Tensor]:
        """The sums over the ranks, of the tensors in place, with the same bits on each."""
        written = self._now
        self._now, self._next = self._next, written
        torch.cat([one.flatten() for one in tensors], out=written[self._ranks.rank])
        message = self._ranks.add(message)  # heard once all have written
        sizes = [one.numel() for one in tensors]
        for tensor, *parts in zip(tensors, *(one.split(sizes) for one in written), strict=True):
            first, second, *others = (part.view_as(tensor) for part in parts)
            if self._ranks.rank < 2:  # its own are in the tensor, which is quicker, and a + b has the bits of b + a
                tensor.add_(second if self._ranks.first else first)
            else:
                torch.add(first, second, out=tensor)
            for other in others:
                tensor.add_(other)
        return tensors, message


def shared(ranks: Ranks, size: int, kind: torch.dtype) -> Tensor | None:
    """Memory that all ranks see, [2, ranks, size]; None where they are many or on several machines, or it is too small.

    To be called by all ranks. No file is left, unless the first one is killed while they open it.
    """
    if ranks.count > MOST:
        return None
    path = ranks.told(lambda: _reserved(2 * ranks.count * size * kind.itemsize))
    try:
        memory = None if path is None else _opened(path)
        everywhere = all(ranks.gather(memory is not None))
    finally:
        if ranks.first and path is not None:
            os.unlink(path)
    return torch.frombuffer(memory, dtype=kind).view(2, -1, size) if memory is not None and everywhere else None


def _reserved(size: int) -> str | None:
    """The path of so much memory: what is promised and not there would end the process that writes to it."""
    try:
        with tempfile.NamedTemporaryFile(prefix="seqnet_", dir=PLACE, delete=False) as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError:
                os.unlink(file.name)
                raise
            return file.name
    except OSError:
        return None


def _opened(path: str) -> mmap.mmap | None:
    try:
        with open(path, "r+b") as file:
            return mmap.mmap(file.fileno(), 0)
    except OSError:  # it is another machine's
        return None
