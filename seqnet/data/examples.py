"""Encoded examples in flat arrays: one tensor with all rows end to end, and where each row begins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import IGNORE, Batch, Whole, wide


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths, end to end. flat: [total ...]; offsets: [rows + 1] int64.

    Whole numbers may be held in a type that is smaller than the int64 of a batch.
    """

    flat: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, rows: Sequence[Tensor]) -> "Ragged":
        """Put rows end to end."""
        lengths = torch.tensor([0] + [len(row) for row in rows])
        return cls(torch.cat(list(rows)), lengths.cumsum(0))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> Tensor:
        return self.flat[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> Tensor:
        """Length of each row, [rows]."""
        return self.offsets.diff()

    def lengths_of(self, rows: Tensor) -> Tensor:
        """Length of the chosen rows, of which none but these are looked at, [rows]."""
        return self.offsets[rows + 1] - self.offsets[rows]

    def pick(self, rows: Tensor) -> "Ragged":
        """Some rows, in this order; one may be there several times."""
        return Ragged.of([self[row] for row in rows.tolist()])

    def fitted(self, lengths: Tensor) -> "Ragged":
        """So many steps of each row, 0 where it has no more. lengths: [rows]."""
        if torch.equal(lengths, self.lengths):
            return self
        rows = [self[row][:length] for row, length in enumerate(lengths.tolist())]
        blank = [row.new_zeros(length - len(row), *row.shape[1:]) for row, length in zip(rows, lengths, strict=True)]
        return Ragged.of([torch.cat(pair) for pair in zip(rows, blank, strict=True)])

    def followed_by(self, more: Tensor) -> "Ragged":
        """Each row with further steps. more: [rows steps ...]."""
        return Ragged.of([torch.cat([self[row], some.to(self.flat)]) for row, some in enumerate(more)])

    def pad(self, rows: Tensor, fill: float = 0) -> Tensor:
        """The chosen rows side by side, padded at their ends with `fill`: [batch time ...]; whole numbers as int64."""
        lengths = self.lengths_of(rows)
        steps = torch.arange(int(lengths.max()) if len(rows) else 0)
        inside = steps < lengths[:, None]
        places = (self.offsets[rows][:, None] + steps).where(inside, 0)
        padded = self.flat[places]
        if not padded.is_floating_point() and padded.dtype != torch.bool:
            padded = padded.long()
        padded[~inside] = fill
        return padded


@dataclass(frozen=True, eq=False)
class Examples:
    """The encoded examples of one split: sequences that are independent of each other.

    `targets` is a tensor [rows ...] for one target a row, or Ragged along the inputs' time.
    `augment` changes a batch at random, from the generator it is handed; used in training only. `continued` gives some
    rows as they go on if what follows them is as answered, so many steps of which are then asked for: (rows [n],
    answers [n steps feature], steps) -> examples. places: where each row stands in its file, where that is known.
    """

    inputs: Ragged
    targets: Ragged | Tensor
    views: dict[str, Ragged] = field(default_factory=dict)
    source: Ragged | None = None
    wholes: dict[str, Ragged] = field(default_factory=dict)
    augment: Callable[[Batch, torch.Generator], Batch] | None = None
    continued: "Callable[[Tensor, Tensor, int], Examples] | None" = None
    places: Any = None  # Places

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> Tensor:
        """Length of each row's inputs, [rows]."""
        return self.inputs.lengths

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        """Collate the chosen rows, and augment them where a generator is given."""
        row_targets = isinstance(self.targets, Tensor)
        if isinstance(self.targets, Tensor):
            targets = wide(self.targets[rows])
        else:
            nothing = float("nan") if self.targets.flat.is_floating_point() else IGNORE
            targets = self.targets.pad(rows, nothing)
        batch = Batch(
            inputs=self.inputs.pad(rows),
            lengths=self.inputs.lengths_of(rows),
            targets=targets,
            row_targets=row_targets,
            views={name: view.pad(rows) for name, view in self.views.items()},
            wholes={name: _whole(column, rows) for name, column in self.wholes.items()},
        )
        if self.source is not None:
            batch = replace(batch, source=self.source.pad(rows), source_lengths=self.source.lengths_of(rows))
        if self.continued is not None:
            batch = replace(batch, continued=partial(self._continued, rows))
        if generator is not None and self.augment is not None:
            batch = self.augment(batch, generator)
        return batch

    def _continued(self, rows: Tensor, answers: Tensor, steps: int) -> Batch:
        """The rows as they go on, each as often as there are answers to it. answers: [rows*copies steps feature]."""
        assert self.continued is not None
        copies = len(answers) // max(1, len(rows))
        return self.continued(rows.repeat_interleave(copies), answers, steps).batch(torch.arange(len(answers)))


def _whole(column: Ragged, rows: Tensor) -> Whole:
    values, lengths = column.pad(rows), column.lengths_of(rows)
    return Whole(values, None if bool((lengths == values.shape[1]).all()) else lengths)


@dataclass(frozen=True, eq=False)
class Stream:
    """One split of running text: documents that a model reads from end to end, state carried along.

    documents: Ragged of token ids; in a document every token but the first is asked for.
    """

    documents: Ragged

    def __len__(self) -> int:
        """How many tokens all documents have."""
        return len(self.documents.flat)
