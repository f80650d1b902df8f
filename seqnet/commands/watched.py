"""Batches that are counted as they are taken, so that somebody can see how far it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from seqnet.batch import Batch
from seqnet.progress import progress
from seqnet.training.pieces import Loader


@dataclass(frozen=True)
class Watched:
    """A loader that tells of each batch how many were taken before it. told: is called with that number."""

    loader: Loader
    told: Callable[[int], None]

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Those of the loader."""
        for number, batch in enumerate(self.loader.batches(epoch, start), start):
            self.told(number)
            yield batch

    def num_batches(self, epoch: int) -> int:
        """How many the epoch has."""
        return self.loader.num_batches(epoch)


@dataclass(frozen=True)
class OnABar:
    """A loader whose batches are shown on a bar. what: is done with them."""

    loader: Loader
    what: str

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Those of the loader."""
        with progress(self.what, self.num_batches(epoch), "batches") as reached:
            yield from Watched(self.loader, reached).batches(epoch, start)

    def num_batches(self, epoch: int) -> int:
        """How many the epoch has."""
        return self.loader.num_batches(epoch)
