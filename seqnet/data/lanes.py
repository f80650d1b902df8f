"""Running text read in lanes side by side, so that state can be carried from window to window."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import IGNORE, Batch
from seqnet.data.examples import Stream
from seqnet.data.shuffling import Shuffling
from seqnet.kinds import Kind

EVALUATION_STEPS = 10_000  # a lane of evaluation has about so many or more: each lane begins without a past
LEAST_PIECE = 1_000  # no document shorter than that is cut
LARGE = 1 << 24  # steps of a document of which no copy is made
PIECES = 1 << 16  # that are dealt at a time
PIECES_A_LANE = 4  # long documents are cut until a lane has about so many pieces, so that all lanes end together


def evaluation_lanes(tokens: int, batch_size: int) -> int:
    """How many lanes to evaluate a text of so many tokens in: at most `batch_size`, each long enough."""
    return max(1, min(batch_size, tokens // EVALUATION_STEPS))


@dataclass(frozen=True)
class _Deal:
    """Which pieces each lane reads after each other, those of one lane behind those of the lane before.

    begins, steps: of each piece; at: the window at which it begins; first: the place of each lane's first piece, [lanes
    + 1]; windows: how many there are.
    """

    begins: Tensor
    steps: Tensor
    at: Tensor
    first: Tensor
    windows: int


class LaneLoader:
    """Running text in at most `lanes` rows; batch n of an epoch is a pure function of (stream, seed, epoch, n).

    Inputs are tokens, targets the tokens after them, so every token of a document but its first is asked for once.

    One document: one batch an epoch, [lanes time], the document cut into even lanes; it is for `Batch.windows`
    to cut along time. Several: batches of one window each. A document begins at a window's border, with `starts`
    set for its lane; what is left of the window before is padding. Lanes take the next document when they have
    read theirs, in an order that shuffle=True draws anew for each epoch; a document that is much longer than the
    others is cut like a single one. Documents of fewer than two tokens are left out. window None: as long as the
    longest. shuffle_block: see `Shuffling`, of documents and pieces of them.
    """

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Options of a loader that change nothing, and why."""
        lanes = "a running text is read in data.batch_size lanes, training.window steps at a time"
        read = {} if "fields" in options else {"num_workers": f"{lanes}, and no file is read"}
        return {"batch_tokens": lanes, **read}

    def __init__(
        self,
        stream: Stream,
        lanes: int,
        window: int | None,
        seed: int,
        shuffle: bool,
        shuffle_block: int | None = None,
    ) -> None:
        if lanes < 1 or (window is not None and window < 1):
            raise ValueError(f"{lanes} lanes and windows of {window} steps: both must be at least 1")
        self.seed = seed
        self.shuffle = shuffle
        self.flat = stream.documents.flat
        steps = stream.documents.lengths - 1
        used = steps > 0
        self._begins, self._steps = stream.documents.offsets[:-1][used], steps[used]
        self.single = len(self._steps) == 1
        total = int(self._steps.sum())
        if not self.single and lanes > 1:
            longest = max(LEAST_PIECE, total // (PIECES_A_LANE * lanes))
            self._begins, self._steps = _cut(self._begins, self._steps, longest)
        self.lanes = min(lanes, total if self.single else len(self._steps))
        self.window = window or int(self._steps.max()) if len(self._steps) else 0
        self._order = Shuffling(len(self._steps), shuffle_block, seed, shuffle)
        self._dealt: tuple[int, _Deal] | None = None  # the epoch that was asked for last

    def num_batches(self, epoch: int) -> int:
        """How many batches the epoch has."""
        if not len(self._steps):
            return 0
        return 1 if self.single else self._deal(epoch).windows

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of `epoch` from number `start` on."""
        if not len(self._steps):
            return
        if self.single:
            if start == 0:
                yield self._whole()
            return
        deal = self._deal(epoch)
        # Which piece each lane reads: the last that has begun.
        begun = [torch.searchsorted(deal.at[a:b], start, right=True) for a, b in _pairs(deal.first)]
        reads = torch.stack(begun) + deal.first[:-1] - 1
        following = deal.first[1:]
        for n in range(start, deal.windows):
            ahead = (reads + 1).clamp(max=len(deal.at) - 1)
            reads = torch.where((reads + 1 < following) & (deal.at[ahead] <= n), reads + 1, reads)
            number = n - deal.at[reads]
            lengths = (deal.steps[reads] - number * self.window).clamp(0, self.window)
            steps = torch.arange(int(lengths.max()))
            inside = steps < lengths[:, None]
            places = (deal.begins[reads] + number * self.window)[:, None] + steps
            places = places.where(inside, 0)
            yield Batch(
                inputs=self.flat[places].long().where(inside, 0),
                lengths=lengths,
                targets=self.flat[places + 1].long().where(inside, IGNORE),
                starts=number == 0,
            )

    def _whole(self) -> Batch:
        """The one document in lanes that differ by one step at most, in the type that it has: windows widen it."""
        begin, steps = int(self._begins[0]), int(self._steps[0])
        bounds = torch.arange(self.lanes + 1) * steps // self.lanes
        inputs, targets = self.flat[begin : begin + steps], self.flat[begin + 1 : begin + 1 + steps]
        starts = torch.ones(self.lanes, dtype=torch.bool)
        if steps % self.lanes == 0:
            inputs, targets = inputs.view(self.lanes, -1), targets.view(self.lanes, -1)
        elif steps > LARGE:
            return _Document.of(self.flat, begin, bounds)
        else:
            inputs, targets = _side_by_side(inputs, bounds, 0), _side_by_side(targets, bounds, IGNORE)
        return Batch(inputs=inputs, lengths=bounds.diff(), targets=targets, starts=starts)

    def _deal(self, epoch: int) -> _Deal:
        """Deal the documents to the lanes: the next to the lane that is free first."""
        if self._dealt is None or self._dealt[0] != epoch:
            self._dealt = epoch, self._deal_anew(epoch)
        return self._dealt[1]

    def _deal_anew(self, epoch: int) -> _Deal:
        order = self._order.order("lanes", epoch)
        begins, steps = self._begins[order], self._steps[order]
        free = [(0, lane) for lane in range(self.lanes)]
        lanes, at = torch.empty(len(order), dtype=torch.int32), torch.empty(len(order), dtype=torch.int64)
        taken, since = lanes.numpy(), at.numpy()  # which are quicker to write to one by one
        for first in range(0, len(order), PIECES):
            for place, count in enumerate(self._windows(steps[first : first + PIECES]).tolist(), first):
                since[place], taken[place] = free[0]
                heapq.heapreplace(free, (int(since[place]) + count, int(taken[place])))
        of_lanes = lanes.argsort(stable=True)
        counts = torch.bincount(lanes, minlength=self.lanes)
        first_of = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return _Deal(begins[of_lanes], steps[of_lanes], at[of_lanes], first_of, max(free)[0])

    def _windows(self, steps: Tensor) -> Tensor:
        """How many windows so many steps are."""
        return (steps + self.window - 1) // self.window


def _pairs(bounds: Tensor) -> list[tuple[int, int]]:
    """Where each part begins and ends."""
    found = bounds.tolist()
    return list(zip(found, found[1:], strict=False))


@dataclass(frozen=True, eq=False)
class _Document(Batch):
    """One large document in lanes, laid side by side window by window, since all of it would be a copy.

    Its inputs and targets have but a shape. bounds: where in `flat` each lane begins, and the last one ends.
    """

    flat: Tensor = field(default_factory=lambda: torch.empty(0))
    bounds: Tensor = field(default_factory=lambda: torch.empty(0))

    @classmethod
    def of(cls, flat: Tensor, begin: int, bounds: Tensor) -> "_Document":
        """A document that begins in `flat` so far on. bounds: within it."""
        lengths = bounds.diff()
        shape = torch.empty((len(lengths), int(lengths.max())), dtype=torch.int64, device="meta")
        starts = torch.ones(len(lengths), dtype=torch.bool)
        return cls(inputs=shape, lengths=lengths, targets=shape, starts=starts, flat=flat, bounds=bounds + begin)

    def rows(self, share: slice) -> Batch:
        """See Batch."""
        begin, end, _ = share.indices(self.size)
        whole = super().rows(share)
        assert isinstance(whole, _Document)
        return replace(whole, bounds=self.bounds[begin : end + 1]).ragged()

    def windows(self, size: int | None, stride: int | None = None, start: int = 0) -> Iterator[Batch]:
        """See Batch."""
        size = min(size or self.time, self.time)
        stride = stride or size
        for number, window in enumerate(super().windows(size, stride, start), start):
            begin = number * stride
            places = self.bounds[:-1, None] + torch.arange(begin, begin + window.time)
            inside = places < self.bounds[1:, None]
            places = places.where(inside, 0)
            targets = self.flat[places + 1].long().where(inside, IGNORE)
            if number:
                targets[:, : size - stride] = IGNORE  # what the window before has judged
            yield Batch(
                inputs=self.flat[places].long().where(inside, 0),
                lengths=window.lengths,
                targets=targets,
                starts=window.starts,
                continues=window.continues,
                advance=window.advance,
            )._knowing(None, False, True)


def _side_by_side(flat: Tensor, bounds: Tensor, fill: int) -> Tensor:
    """Pieces of a text as rows, in a type that holds what they end in: [lanes time]."""
    kind = torch.int16 if flat.dtype == torch.uint8 and fill < 0 else flat.dtype
    made = torch.full((len(bounds) - 1, int(bounds.diff().max())), fill, dtype=kind)
    for row, begin, end in zip(made, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        row[: end - begin] = flat[begin:end]
    return made


def _cut(begins: Tensor, steps: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Cut what is longer than `longest` into even pieces that are not; where they begin, and their steps."""
    pieces = (steps + longest - 1) // longest
    of = torch.repeat_interleave(torch.arange(len(steps)), pieces)
    number = torch.arange(len(of)) - (pieces.cumsum(0) - pieces)[of]
    first, last = steps[of] * number // pieces[of], steps[of] * (number + 1) // pieces[of]
    return begins[of] + first, last - first
