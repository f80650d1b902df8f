"""What is passed from the data to the model to the task to the observers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqnet.state import State

IGNORE = -100
"""Integer target of a position where nothing is asked; a float target says so by NaN."""

UNKNOWN_LABEL = IGNORE - 1
"""Integer target of a class that training never saw: it has no loss, and every answer to it is wrong."""


UNITS = "<units>"
"""The view [batch time 2*feature] that says by what a step's answer is scaled; no encoder reads it."""

LAGS = "<lags>"
"""The view [batch time lags*feature] of a series' last values, scaled as the step's answer: for the output layer."""

WORDS = "<words>"
"""The whole [batch source_time] of what words a source has, and the view [batch time] of those of the targets that the
vocabulary lacks, -1 where it has one: numbers of `seqnet.data.copied.Copied`. No encoder reads them."""

REFERENCES = "<references>"
"""The view [batch time (1 + horizon + 1)*feature] of what a forecast is compared with; no encoder reads it."""


def has_target(targets: Tensor) -> Tensor:
    """Where something is asked that has a loss, of the shape of `targets`: a class (integers), not NaN (floats)."""
    return ~targets.isnan() if targets.is_floating_point() else targets >= 0


def wide(tensor: Tensor) -> Tensor:
    """Whole numbers as int64, which a model and a loss take; they may be stored in fewer bytes."""
    narrow = tensor.dtype in (torch.uint8, torch.int16, torch.int32)
    return tensor.long() if narrow else tensor


class Whole(NamedTuple):
    """A further input that is read whole: a sequence of its own, a picture, or one value a row (a single step)."""

    values: Tensor  # [batch positions] or [batch positions feature]
    lengths: Tensor | None = None  # [batch]; None = every row is whole


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of sequences side by side, padded to one length; padding is at the end of a row.

    A window of a batch is a batch too. `advance` is how many steps on the next window begins: the state to
    carry is the one after `advance` steps.
    """

    inputs: Tensor  # [batch time] or [batch time feature]
    lengths: Tensor  # [batch]
    targets: Tensor  # [batch ...] where `row_targets`, else [batch time ...]
    row_targets: bool = False
    source: Tensor | None = None  # [batch source_time] or [batch source_time feature]
    source_lengths: Tensor | None = None  # [batch]
    starts: Tensor | None = None  # [batch] bool: the row begins a new sequence; None = all do
    continues: bool = False  # every row goes on where the window before this one ended, whatever `starts` says
    views: Mapping[str, Tensor] = field(default_factory=dict)  # each [batch time ...]
    wholes: Mapping[str, Whole] = field(default_factory=dict)  # read whole beside the inputs or the source
    advance: int = 0  # 0 = all of it
    # Of series: the rows as they go on if this is what follows, in the scale of the column [rows*copies steps feature],
    # and so many steps are asked for then.
    continued: "Callable[[Tensor, int], Batch] | None" = None

    def __post_init__(self) -> None:
        if not self.advance:
            object.__setattr__(self, "advance", self.time)

    @cached_property
    def full(self) -> bool:
        """Whether no row is padded."""
        return bool((self.lengths >= self.time).all())

    @cached_property
    def source_full(self) -> bool:
        """Whether there is no source, or none of its rows is padded."""
        if self.source is None or self.source_lengths is None:
            return True
        return bool((self.source_lengths >= self.source.shape[1]).all())

    @cached_property
    def dense(self) -> bool:
        """Whether moreover something is asked everywhere."""
        return self.full and bool(has_target(self.targets).all())

    def target_mask(self) -> Tensor:
        """Which items are asked, [batch] where `row_targets`, else [batch time]; of a vector, all numbers must be."""
        mask = has_target(self.targets)
        return mask.all(dim=-1) if mask.dim() > (1 if self.row_targets else 2) else mask

    @cached_property
    def target_index(self) -> Tensor | None:
        """Which items (rows where `row_targets`, else steps of rows) are asked, [n], counted row by row; None = all."""
        if self.dense:
            return None
        mask = self.target_mask()
        return None if mask.all() else mask.flatten().nonzero()[:, 0]

    @property
    def num_targets(self) -> int:
        """How many items are asked."""
        if self.target_index is not None:
            return len(self.target_index)
        return self.size if self.row_targets else self.size * self.time

    def _knowing(self, full: bool | None, dense: bool | None, source_full: bool) -> "Batch":
        """This batch, told what it need not look for: a look costs, and on a GPU it waits."""
        known = (("full", full), ("dense", dense), ("source_full", source_full))
        self.__dict__.update({name: value for name, value in known if value is not None})
        return self

    def ragged(self) -> "Batch":
        """This batch, told that rows may be padded and steps not asked, so that no tensor is looked into."""
        return self._knowing(False, False, self.source_lengths is None)

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.inputs.shape[0]

    @property
    def time(self) -> int:
        """Number of steps, padding included."""
        return self.inputs.shape[1]

    def filled(self) -> list[tuple[int, int]]:
        """How many steps hold something and how many there are: of the rows and, where there is one, of the source."""
        steps = self.size * self.time
        sides = [(steps if self.full else int(self.lengths.sum()), steps)]
        if self.source is not None and self.source_lengths is not None:
            steps = self.source.shape[0] * self.source.shape[1]
            sides.append((steps if self.source_full else int(self.source_lengths.sum()), steps))
        return sides

    def map(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        """The same batch with `function`, which moves or picks rows, applied to each of its tensors."""

        def optional(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else function(tensor)

        mapped = replace(
            self,
            inputs=function(self.inputs),
            lengths=function(self.lengths),
            targets=function(self.targets),
            source=optional(self.source),
            source_lengths=optional(self.source_lengths),
            starts=optional(self.starts),
            views={name: function(view) for name, view in self.views.items()},
            wholes={name: Whole(function(one.values), optional(one.lengths)) for name, one in self.wholes.items()},
        )
        return mapped._knowing(self.full, self.dense, self.source_full)

    def told(self) -> "Batch":
        """The same, in its targets the words that the vocabulary lacks by their own numbers, where these are there."""
        words = self.views.get(WORDS)
        return self if words is None else replace(self, targets=torch.where(words > 0, words, self.targets))

    def rows(self, share: slice) -> "Batch":
        """Some of its rows, as wide as all of them are. How series go on is told of all rows only."""
        whole = self if self.continued is None else replace(self, continued=None)
        return whole.map(lambda tensor: tensor[share])

    def to(self, device: torch.device) -> "Batch":
        """The batch on `device`; itself where it is there already. To a GPU it is on its way: nothing waits for it."""
        if self.inputs.device == device:
            return self

        def move(tensor: Tensor) -> Tensor:
            if device.type == "cuda":  # which copies by itself only from memory that stays where it is
                tensor = tensor.contiguous().pin_memory()
            return tensor.to(device, non_blocking=True)

        moved = self.map(move)
        moved.__dict__["target_index"] = None if self.target_index is None else move(self.target_index)
        return moved

    def windows(self, size: int | None, stride: int | None = None, start: int = 0) -> Iterator["Batch"]:
        """Cut along time into windows of `size` steps (k2), each beginning `stride` (k1) after the last.

        Every position is asked for exactly once: the first window's all, a later one's last `stride`. A row
        target is asked for in the window where its row ends. `source` is never cut. `size` None or at least
        the whole length gives the batch itself, and a batch without a step has none. start: the number of the first;
        those before it are not made. Raises ValueError for a stride below 1 or above the size.
        """
        if not self.time:
            return
        if size is None or size >= self.time:
            if not start:
                yield self.map(wide) if wide(self.inputs[:0]).dtype != self.inputs.dtype else self
            return
        stride = stride or size
        if not 1 <= stride <= size:
            raise ValueError(f"stride {stride} is not between 1 and the window's size {size}")
        whole = self.lengths.new_full((self.size,), size) if self.full else None
        if start >= self.num_windows(size, stride):
            return
        begin = start * stride
        while True:
            end = min(begin + size, self.time)
            new = 0 if begin == 0 else begin + size - stride  # first position that no window judged yet
            last = end == self.time
            lengths = whole if end - begin == size else None
            if lengths is None:
                lengths = (self.lengths - begin).clamp(0, end - begin)
            yield self._window(begin, end, new, lengths, end - begin if last else stride)
            if last:
                return
            begin += stride

    def num_windows(self, size: int | None, stride: int | None = None) -> int:
        """How many windows there are, which are not made for it."""
        if not self.time or size is None or size >= self.time:
            return min(self.time, 1)
        return 1 - (size - self.time) // (stride or size)

    def _window(self, begin: int, end: int, new: int, lengths: Tensor, advance: int) -> "Batch":
        if self.row_targets:
            ends_here = (self.lengths > new) & (self.lengths <= end)
            if begin == 0:
                ends_here |= self.lengths == 0
            nothing = float("nan") if self.targets.is_floating_point() else IGNORE
            shape = [-1] + [1] * (self.targets.dim() - 1)
            targets = torch.where(ends_here.view(shape), self.targets, nothing)
        else:
            targets = wide(self.targets[:, begin:end])
            if new > begin:
                targets = targets.clone()
                targets[:, : new - begin] = float("nan") if targets.is_floating_point() else IGNORE
        return Batch(
            inputs=wide(self.inputs[:, begin:end]),
            lengths=lengths,
            targets=targets,
            row_targets=self.row_targets,
            source=self.source,
            source_lengths=self.source_lengths,
            starts=self.starts,
            continues=self.continues or begin > 0,
            views={name: view[:, begin:end] for name, view in self.views.items()},
            wholes=self.wholes,
            advance=advance,
        )._knowing(self.full or None, self.dense and new == begin and not self.row_targets, self.source_full)


@dataclass(eq=False, slots=True)
class Output:
    """What a model makes of a window: features after the readout, and the head that makes logits of them."""

    features: Tensor  # [batch hidden] or [batch time hidden]; of a mixture [batch time positions hidden+1]
    head: Callable[[Tensor], Tensor]
    state: State  # after `window.advance` steps
    attention: Tensor | None = None  # [batch heads time source_time]; none in training
    log_probability: Tensor | None = None  # [batch time], of a hard attention's choice
    baseline: Tensor | None = None  # [batch time], the loss expected before the choice
    bonus: Tensor | None = None  # [batch time], nats taken off the loss, so that the choice stays open
    lengths: Tensor | None = None  # [batch]: of a row's features those that count, where they are not of its own steps
    mixed: bool = False  # features are those of several positions, each with its log-probability behind them
    undropped: Tensor | None = None  # [batch time feature], the features before their dropout, where there are several
    reaches: bool = False  # the choice of a step is fed to later ones, so their losses follow from it too

    def logits(self) -> Tensor:
        """The head applied to every feature."""
        return self.head(self.features)


@dataclass(eq=False, slots=True)
class StepReport:
    """One optimiser step, and the window it ended with, so that a diagnostic can run it again."""

    step: int
    epoch: int  # the number of epochs that are complete
    loss_sum: float  # nats, over `count` judged items
    count: float  # as they are weighed
    gradient_norm: float  # before clipping
    clipped: bool
    learning_rate: float
    seconds: float
    tokens: int  # steps of rows that are not padding
    padded_steps: int  # steps of rows, and of their sources, padding included
    padded: int  # those of them that are padding
    done: float  # share of training done, 0 to 1, by the limit that the schedule follows
    end_of_epoch: bool  # the last step of its epoch
    window: Batch  # the last one of the step, and the state it began from
    state: State


@dataclass(slots=True)
class TrainingReport:
    """Training since the last such report, averaged: what a row of metrics.jsonl and a point of a curve show."""

    step: int
    epoch: int
    scores: dict[str, float]  # loss in nats a judged item, and what follows from it
    learning_rate: float
    gradient_norm: float
    clipped_share: float
    padded_share: float
    tokens_per_second: float


class AttentionMap(NamedTuple):
    """Where a decoder looked while it wrote one row."""

    weights: Tensor  # [heads target source], on the CPU
    source: list[str]  # the words or characters that were read; of a picture its regions
    target: list[str]  # what was written
    signal: Tensor | None = None  # [steps size], of a recording or a series: its numbers, on the CPU
    image: Tensor | None = None  # [height width channels], 0 to 1, on the CPU
    regions: tuple[int, int] = (0, 0)  # of the image: rows and columns of places that are looked at

    @property
    def kind(self) -> str:
        """What it is called, and the file that draws it."""
        return "attention"


class Forecast(NamedTuple):
    """What is drawn of a series and how it goes on, in the units of the file, on the CPU."""

    history: Tensor  # [time]
    levels: Mapping[float, Tensor]  # by the share of outcomes that is to lie below, [horizon]
    wanted: Tensor | None  # what came, [horizon]
    name: str

    @property
    def kind(self) -> str:
        """What it is called, and the file that draws it."""
        return "forecast"


class Roll(NamedTuple):
    """Notes as they sound, by their MIDI numbers, step by step."""

    read: list[list[int]]
    answered: list[list[int]]
    begin: int  # the step at which the first answer sounds

    @property
    def kind(self) -> str:
        """What it is called, and the file that draws it."""
        return "roll"


class Tree(NamedTuple):
    """A bracketed tree over words: `(S (NP XX XX ) XX )`, token by token."""

    tokens: list[str]
    words: list[str]  # that were read

    @property
    def kind(self) -> str:
        """What it is called, and the file that draws it."""
        return "tree"


class Drawing(NamedTuple):
    """A picture that was drawn: 0 is paper, 1 is ink."""

    values: Tensor  # [rows columns], on the CPU

    @property
    def kind(self) -> str:
        """What it is called, and the file that draws it."""
        return "drawing"


class Confusion(NamedTuple):
    """How often each class was taken for which."""

    counts: Tensor  # [true predicted]
    names: tuple[str, ...]

    @classmethod
    def named(cls, counts: Tensor, names: Sequence[str]) -> "Confusion":
        """Of as many classes as there are names, or one more, which training never saw and is never answered."""
        told = tuple(names) or tuple(map(str, range(len(counts))))
        return cls(counts, (*told, "<unknown>") if len(counts) > len(told) else told)

    @property
    def kind(self) -> str:
        """What it is called, and the file that draws it."""
        return "confusion"


class PrecisionRecall(NamedTuple):
    """How the items of one class, and the others, are spread over the probability that they are of it."""

    name: str
    right: Tensor  # [bins] how many items of the class have a probability from bin/(bins - 1) on, below the next
    wrong: Tensor  # [bins] how many of the others


class Strip(NamedTuple):
    """Scores of what was read, step by step, and what that was: words, numbers or the values of a picture."""

    name: str
    words: Sequence[str] | None
    scores: Tensor  # [time], on the CPU
    values: Tensor | None = None  # [time feature]
    map: Tensor | None = None  # of a picture the score of each place, [height width]
    signed: bool = True  # whether they speak for and against, or are shares


class Explanation(NamedTuple):
    """What an answer rests on. name: of what is explained; about: which step of the answer, and its number."""

    name: str
    about: str
    strips: Sequence[Strip]

    @property
    def kind(self) -> str:
        """What it is called, and the file that draws it."""
        return "explanation"


Seen = AttentionMap | Forecast | Roll | Tree | Drawing | Confusion | Explanation
"""What there is to see of an answer; `seqnet.observers.pictures` draws it."""


@dataclass(slots=True)
class EvaluationReport:
    """Scores of one split."""

    step: int
    epoch: int
    split: str
    scores: dict[str, float]  # loss and metrics
    seconds: float
    samples: list[str] = field(default_factory=list)
    pictures: Sequence[Seen] = ()  # of the samples
    confusion: Tensor | None = None  # [true predicted]
    class_names: tuple[str, ...] = ()
    curves: Sequence[PrecisionRecall] = ()  # of each class, where an observer asks for them
    best: bool = False


Row = Mapping[str, Any]
