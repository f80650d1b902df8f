"""The windows of an epoch, from where training stands on, in groups of one optimiser step."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from seqnet.batch import Batch
from seqnet.training.ranks import ALONE, Ranks


class Loader(Protocol):
    """Batches as a pure function of (data, seed, epoch, number)."""

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]: ...
    def num_batches(self, epoch: int) -> int: ...


@dataclass
class Position:
    """Where training stands: `batch` and `window` are the next to be read in `epoch`."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    window: int = 0
    share: float = 0.0  # of the epoch that is done
    skipped: int = 0  # steps left out because of a non-finite value
    seconds: float = 0.0  # since the start, evaluation included, summed over resumes
    left_out: list[list[int]] = field(default_factory=list)  # batches that are passed over, as in `Piece.place`


@dataclass(slots=True)
class Piece:
    """A window and where the one after it is to be found."""

    whole: Batch  # with the rows of all ranks
    window: Batch  # with those of this one
    moved: Batch  # the same on the device, or on its way there while the step before it runs
    count: float  # of the items that are asked in all rows, as they are weighed
    asks: bool  # whether anything is asked in this rank's rows
    epoch: int
    batch: int
    number: int
    share: float  # of the epoch that is done with it
    ends: bool  # it is the last of its batch
    left_out: bool  # nothing is read of it
    first_row: int = 0  # the number, in its batch, of this rank's first

    @property
    def place(self) -> list[int]:
        """Its batch: [epoch, batch], of running text, where a batch may be the whole text, [epoch, batch, window]."""
        return [self.epoch, self.batch] + ([] if self.window.starts is None else [self.number])


@dataclass(frozen=True)
class Pieces:
    """The windows of what a loader gives. moved: a window on the device; count: how many items it asks for, weighed.

    window, stride: see `Batch.windows`. accumulate: how many windows in which something is asked make one step.
    """

    loader: Loader
    moved: Callable[[Batch], Batch]
    count: Callable[[Batch], float]
    window: int | None
    stride: int | None
    accumulate: int
    ranks: Ranks = ALONE

    def rest(self, position: Position) -> Iterator[Piece]:
        """The rest of an epoch, window by window."""
        first, skip = position.batch, position.window
        batches = self.loader.num_batches(position.epoch)
        for number, batch in enumerate(self.loader.batches(position.epoch, first), first):
            begin = skip if number == first else 0
            read = begin * (self.stride or self.window or 0)
            for index, window in enumerate(batch.windows(self.window, self.stride, begin), begin):
                read += window.advance
                share = (number + read / batch.time) / batches
                ends = read >= batch.time
                piece = self._piece(window, position.epoch, number, index, share, ends)
                left_out = piece.place in position.left_out
                yield replace(piece, count=0, asks=False, left_out=True) if left_out else piece

    def _piece(self, whole: Batch, epoch: int, number: int, index: int, done: float, ends: bool) -> Piece:
        """A window, of which this rank runs its share of the rows."""
        count = self.count(whole)
        if self.ranks.count == 1:
            return Piece(whole, whole, self.moved(whole), count, count > 0, epoch, number, index, done, ends, False)
        share = self.ranks.share(whole.size)
        window = whole.rows(share)
        asks = count > 0 and window.size > 0 and self.count(window) > 0
        moved = self.moved(window)
        return Piece(whole, window, moved, count, asks, epoch, number, index, done, ends, False, share.start)

    def groups(self, position: Position) -> Iterator[list[Piece]]:
        """The windows of one optimiser step: `accumulate` in which something is asked, and any between them."""
        group: list[Piece] = []
        judged = 0
        for piece in self.rest(position):
            group.append(piece)
            judged += piece.count > 0
            if judged == self.accumulate:
                yield group
                group, judged = [], 0
        if judged:
            yield group

    def seek(self, position: Position) -> None:
        """Move to the same share of this epoch where its batches or windows are others than those read so far.

        Rows begin with their batch, running text at the window that holds that place.
        """
        position.left_out = [place for place in position.left_out if place[0] != position.epoch]
        if not (position.batch or position.window):
            return
        share, batches = position.share + 1e-9, self.loader.num_batches(position.epoch)  # a sum of fractions
        position.batch, position.window = min(int(share * batches), batches - 1), 0
        batch, read = next(iter(self.loader.batches(position.epoch, position.batch))), 0
        windows = batch.num_windows(self.window, self.stride) if batch.starts is not None else 0
        while position.window < windows:
            last = position.window == windows - 1
            after = batch.time if last else read + (self.stride or self.window or 0)
            if (position.batch + after / batch.time) / batches > share:
                break
            read, position.window = after, position.window + 1
        position.share = (position.batch + read / batch.time) / batches


Item = TypeVar("Item")


def with_last(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Each item, and whether it is the last one."""
    iterator = iter(items)
    try:
        held = next(iterator)
    except StopIteration:
        return
    for item in iterator:
        yield held, False
        held = item
    yield held, True
