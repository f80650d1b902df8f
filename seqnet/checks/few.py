"""A few small batches of a split: short rows of different lengths, as they lie there."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from seqnet.batch import IGNORE, Batch
from seqnet.data.examples import Examples, Stream
from seqnet.errors import DataError
from seqnet.specs import Image, Spec

LENGTHS = (9, 6, 1, 7, 4)
"""Steps of the rows of a batch, as far as they have so many."""

SOURCES = (11, 3, 8, 2, 11)
"""Steps of their sources."""

FRAMES, HEARD = (64, 40, 56, 33, 64), (3, 2, 1, 3, 2)
"""Steps of sources in which answers are heard, and of these answers, which must have room in them."""


def few(split: Examples | Stream, source: Spec | None, heard: bool, batches: int = 2) -> tuple[list[Batch], Batch]:
    """Batches of rows of different lengths, and the first of them without padding. Raises DataError for an empty split.

    source: what is read whole before anything is written, if anything is. heard: answers are heard in it.
    """
    found = [_batch(split, number, batches) for number in range(batches)]
    rows, sources = (HEARD, FRAMES) if heard else (LENGTHS, SOURCES)
    cut = None if isinstance(source, Image) else sources
    whole = found[0]
    least = int(whole.lengths.clamp(max=max(rows)).min())
    return (
        [_short(batch, _turned(rows, number), None if cut is None else _turned(cut, number))
         for number, batch in enumerate(found)],
        _short(whole, [least] * whole.size, cut),
    )  # fmt: skip


def _turned(lengths: Sequence[int], by: int) -> Sequence[int]:
    return [*lengths[by:], *lengths[:by]]


def _batch(split: Examples | Stream, number: int, batches: int) -> Batch:
    """Some of the longest rows, each batch others where there are enough."""
    size = len(LENGTHS)
    if isinstance(split, Stream):
        return _of_text(split, torch.arange(number, size * batches, batches))
    order = split.lengths.argsort(descending=True, stable=True)
    order = order[split.lengths[order] > 0]
    if not len(order):
        raise DataError("the training split holds nothing to train on")
    places = torch.arange(number, size * batches, batches) % len(order)
    return replace(split.batch(order[places]), continued=None)


def _of_text(split: Stream, places: Tensor) -> Batch:
    """Pieces of running text, each with the token behind every one of its own."""
    flat = split.documents.flat.long()
    time = min(max(LENGTHS), len(flat) - 1)
    if time < 1:
        raise DataError("the training split holds nothing to train on")
    begins = places * max(1, time // 2) % (len(flat) - time)
    steps = begins[:, None] + torch.arange(time)
    size = len(places)
    starts = torch.ones(size, dtype=torch.bool)
    return Batch(flat[steps], torch.full((size,), time), flat[steps + 1], starts=starts)


def _short(batch: Batch, lengths: Sequence[int], sources: Sequence[int] | None) -> Batch:
    """So many steps of each row and of its source, from where something is asked on."""
    wanted = torch.tensor(lengths)[: batch.size].minimum(batch.lengths)
    begin = torch.zeros_like(wanted)
    if not batch.row_targets:
        begin = (batch.target_mask().long().argmax(1) - 1).clamp(min=0).minimum(batch.lengths - wanted)
    nothing = float("nan") if batch.targets.is_floating_point() else IGNORE
    made = replace(
        batch,
        inputs=_cut(batch.inputs, begin, wanted),
        lengths=wanted,
        targets=batch.targets if batch.row_targets else _cut(batch.targets, begin, wanted, nothing),
        views={name: _cut(view, begin, wanted) for name, view in batch.views.items()},
        advance=0,
    )
    if batch.source is None or batch.source_lengths is None or sources is None:
        return made
    read = torch.tensor(sources)[: batch.size].minimum(batch.source_lengths)
    return replace(made, source=_cut(batch.source, torch.zeros_like(read), read), source_lengths=read)


def _cut(values: Tensor, begin: Tensor, lengths: Tensor, fill: float = 0) -> Tensor:
    """Of each row so many steps from `begin` on, `fill` behind them: [batch time ...]."""
    steps = torch.arange(int(lengths.max()))
    places = (begin[:, None] + steps).clamp(max=values.shape[1] - 1)
    found = values[torch.arange(len(values))[:, None], places]
    inside = (steps < lengths[:, None]).view(*found.shape[:2], *[1] * (found.dim() - 2))
    return torch.where(inside, found, torch.full_like(found, fill))
