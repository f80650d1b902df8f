"""The losses of some positions where a model reads no more than a few steps before each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqnet.batch import Batch, Output, Whole, wide

STEPS = 1 << 16  # computed at a time

Lose = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]
"""The loss of each item, [n], of an output layer, features [n hidden] and targets [n ...]."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Rows that are read, and which of their steps are judged. rows, steps: [n]; blocks: [n], of like numbers.

    Of rows with one answer each, the last step stands for it.
    """

    batch: Batch
    rows: Tensor
    steps: Tensor
    blocks: Tensor


def losses(
    model: nn.Module, lose: Lose, several: Sequence[Asked], steps: int | None, device: torch.device
) -> NDArray[np.float64]:
    """The loss of each position, given its last `steps` steps, its own among them; None: given all."""
    found = [loss for asked in several for loss in _of(model, lose, asked, steps, device)]
    return torch.cat(found).double().cpu().numpy()


def _of(model: nn.Module, lose: Lose, asked: Asked, steps: int | None, device: torch.device) -> Iterator[Tensor]:
    batch = asked.batch
    if steps is None and not batch.row_targets:
        output: Output = model(batch.to(device), None)
        places = asked.rows.to(device), asked.steps.to(device)
        yield lose(output.head, output.features[places], wide(batch.targets[asked.rows, asked.steps]).to(device))
        return
    longest = int(asked.steps.max()) + 1 if steps is None else min(steps, int(asked.steps.max()) + 1)
    for part in torch.arange(len(asked.rows)).split(max(1, STEPS // longest)):
        rows, last = asked.rows[part], asked.steps[part]
        window = last_steps(batch, rows, last, longest)
        output = model(window.to(device), None)
        features = output.features
        if not batch.row_targets:
            features = features[torch.arange(len(rows), device=device), (window.lengths - 1).to(device)]
        targets = batch.targets[rows] if batch.row_targets else batch.targets[rows, last]
        yield lose(output.head, features, wide(targets).to(device))


def last_steps(batch: Batch, rows: Tensor, last: Tensor, steps: int) -> Batch:
    """Of some rows [n] the step `last` [n] and as many before it as make `steps`, or as there are."""
    lengths = (last + 1).clamp(max=steps)
    offsets = torch.arange(int(lengths.max()))
    places = (last + 1 - lengths)[:, None] + offsets
    inside = offsets < lengths[:, None]
    places = places.where(inside, 0)

    def cut(values: Tensor) -> Tensor:
        found = values[rows[:, None], places]
        return found.masked_fill(~inside.view(*inside.shape, *[1] * (found.dim() - 2)), 0)

    targets = batch.targets[rows] if batch.row_targets else batch.targets[rows[:, None], places]
    return Batch(
        inputs=wide(cut(batch.inputs)),
        lengths=lengths,
        targets=wide(targets),
        row_targets=batch.row_targets,
        views={name: cut(view) for name, view in batch.views.items()},
        wholes={name: _rows_of(one, rows) for name, one in batch.wholes.items()},
    )


def _rows_of(one: Whole, rows: Tensor) -> Whole:
    return Whole(one.values[rows], None if one.lengths is None else one.lengths[rows])
