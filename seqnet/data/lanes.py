"""Running text read in lanes side by side, so that state can be carried from window to window."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import IGNORE, Batch
from seqnet.data.examples import Stream
from seqnet.data.generation import generator
from seqnet.kinds import Kind

EVALUATION_STEPS = 10_000  # a lane of evaluation has about so many or more: each lane begins without a past
LEAST_PIECE = 1_000  # no document shorter than that is cut
PIECES_A_LANE = 4  # long documents are cut until a lane has about so many pieces, so that all lanes end together


def evaluation_lanes(tokens: int, batch_size: int) -> int:
    """How many lanes to evaluate a text of so many tokens in: at most `batch_size`, each long enough."""
    return max(1, min(batch_size, tokens // EVALUATION_STEPS))


@dataclass(frozen=True)
class _Deal:
    """Which steps each lane reads in each window, all [lanes windows]."""

    begins: Tensor
    lengths: Tensor
    starts: Tensor


class LaneLoader:
    """Running text in at most `lanes` rows; batch n of an epoch is a pure function of (stream, seed, epoch, n).

    Inputs are tokens, targets the tokens after them, so every token of a document but its first is asked for once.

    One document: one batch an epoch, [lanes time], the document cut into even lanes; it is for `Batch.windows`
    to cut along time. Several: batches of one window each. A document begins at a window's border, with `starts`
    set for its lane; what is left of the window before is padding. Lanes take the next document when they have
    read theirs, in an order that shuffle=True draws anew for each epoch; a document that is much longer than the
    others is cut like a single one. Documents of fewer than two tokens are left out. window None: as long as the
    longest.
    """

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Options of a loader that change nothing, and why."""
        lanes = "a running text is read in data.batch_size lanes, training.window steps at a time"
        return {"batch_tokens": lanes, "num_workers": f"{lanes}, and lies in memory"}

    def __init__(self, stream: Stream, lanes: int, window: int | None, seed: int, shuffle: bool) -> None:
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

    def num_batches(self, epoch: int) -> int:
        """How many batches the epoch has."""
        if not len(self._steps):
            return 0
        return 1 if self.single else self._deal(epoch).lengths.shape[1]

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of `epoch` from number `start` on."""
        if not len(self._steps):
            return
        if self.single:
            if start == 0:
                yield self._whole()
            return
        deal = self._deal(epoch)
        for n in range(start, deal.lengths.shape[1]):
            lengths = deal.lengths[:, n]
            steps = torch.arange(int(lengths.max()))
            inside = steps < lengths[:, None]
            places = (deal.begins[:, n, None] + steps).where(inside, 0)
            yield Batch(
                inputs=self.flat[places].long().where(inside, 0),
                lengths=lengths,
                targets=self.flat[places + 1].long().where(inside, IGNORE),
                starts=deal.starts[:, n],
            )

    def _whole(self) -> Batch:
        """The one document in lanes that differ by one step at most, in the type that it has: windows widen it."""
        begin, steps = int(self._begins[0]), int(self._steps[0])
        bounds = torch.arange(self.lanes + 1) * steps // self.lanes
        inputs, targets = self.flat[begin : begin + steps], self.flat[begin + 1 : begin + 1 + steps]
        starts = torch.ones(self.lanes, dtype=torch.bool)
        if steps % self.lanes == 0:
            inputs, targets = inputs.view(self.lanes, -1), targets.view(self.lanes, -1)
        else:
            inputs, targets = _side_by_side(inputs, bounds, 0), _side_by_side(targets, bounds, IGNORE)
        return Batch(inputs=inputs, lengths=bounds.diff(), targets=targets, starts=starts)

    def _deal(self, epoch: int) -> _Deal:
        """Deal the documents to the lanes: the next to the lane that is free first."""
        pieces = len(self._steps)
        order = torch.randperm(pieces, generator=generator(self.seed, "lanes", epoch)) if self.shuffle else None
        begins = self._begins if order is None else self._begins[order]
        steps = self._steps if order is None else self._steps[order]
        windows = (steps + self.window - 1) // self.window
        free = [(0, lane) for lane in range(self.lanes)]
        given = []
        for count in windows.tolist():
            at, lane = free[0]
            given.append((lane, at))
            heapq.heapreplace(free, (at + count, lane))
        lane, at = torch.tensor(given).T
        # One entry for each window of each piece: the piece, and which of its windows it is.
        piece = torch.repeat_interleave(torch.arange(pieces), windows)
        number = torch.arange(len(piece)) - (windows.cumsum(0) - windows)[piece]
        where = (lane[piece], at[piece] + number)
        shape = (self.lanes, max(free)[0])
        deal = _Deal(
            torch.zeros(shape, dtype=torch.int64),
            torch.zeros(shape, dtype=torch.int64),
            torch.zeros(shape, dtype=torch.bool),
        )
        deal.begins[where] = begins[piece] + number * self.window
        deal.lengths[where] = (steps[piece] - number * self.window).clamp(max=self.window)
        deal.starts[where] = number == 0
        return deal


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
