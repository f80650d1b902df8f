"""How a target is asked: once a row, at every step, as the next steps, written token by token, or as running text.

Each way makes examples of encoded columns, with their targets or without, and says what a model sees of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from seqnet.batch import IGNORE, LAGS, REFERENCES, wide
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.data.references import lagged, references
from seqnet.data.scaled_so_far import UNITS, SoFar, scaled_so_far
from seqnet.data.teacher_forcing import teacher_forcing, without_targets
from seqnet.errors import DataError
from seqnet.specs import Spec, Tokens, Vector, Writing

Columns = Mapping[str, Ragged]


@dataclass(frozen=True)
class Inputs:
    """The names of what is read: the first, those aligned with it, and those read whole. first None: nothing is."""

    first: str | None
    views: tuple[str, ...] = ()
    wholes: tuple[str, ...] = ()

    def beside(self, columns: Columns) -> dict[str, dict[str, Ragged]]:
        """All but the first, as `Examples` takes them."""
        return {
            "views": {name: columns[name] for name in self.views},
            "wholes": {name: columns[name] for name in self.wholes},
        }

    def examples(self, columns: Columns, targets: Ragged | Tensor) -> Examples:
        """All of them, with what is asked of each row or step of the first."""
        return Examples(self.leading(columns), targets, **self.beside(columns))  # type: ignore[arg-type]

    def leading(self, columns: Columns) -> Ragged:
        """The column of the first."""
        assert self.first is not None
        return columns[self.first]


class Asking(Protocol):
    """A way of asking."""

    def examples(self, columns: Columns) -> Examples | Stream: ...
    def without_targets(self, columns: Columns) -> Examples: ...


@dataclass(frozen=True)
class OnceARow:
    """One target a row: a class, numbers, labels."""

    inputs: Inputs
    target: str
    space: Spec

    def examples(self, columns: Columns) -> Examples:
        """Examples with a tensor of targets, [rows] or [rows size]."""
        return self.inputs.examples(columns, columns[self.target].flat)

    def without_targets(self, columns: Columns) -> Examples:
        """The same, with nothing asked."""
        return self.inputs.examples(columns, nothing(self.space, len(self.inputs.leading(columns))))


@dataclass(frozen=True)
class EveryStep:
    """A target for each step of what is read."""

    inputs: Inputs
    target: str
    space: Spec

    def examples(self, columns: Columns) -> Examples:
        """Examples whose targets are aligned with the first input."""
        return self.inputs.examples(columns, columns[self.target])

    def without_targets(self, columns: Columns) -> Examples:
        """The same, with nothing asked."""
        first = self.inputs.leading(columns)
        return self.inputs.examples(columns, Ragged(nothing(self.space, len(first.flat)), first.offsets))


@dataclass(frozen=True)
class NextSteps:
    """At every step the values of the next `horizon` steps of a column that is an input itself.

    known_ahead: inputs that stand at a step as what they are in those next steps; a row may have more steps of them
    than of the others. seasons: of columns that are scaled by what was read so far (see `SoFar`). season: of a column
    of numbers, for what its forecast is compared with; None: it is of labels. lags: how many of its last values stand
    beside each step. The last step of a row is read where nothing is asked of it, and is left out of examples with
    targets.
    """

    inputs: Inputs
    target: str
    space: Spec
    horizon: int = 1
    known_ahead: tuple[str, ...] = ()
    seasons: Mapping[str, int | None] = field(default_factory=dict)
    season: int | None = None
    lags: int | None = None

    def examples(self, columns: Columns) -> Examples:
        """Examples of all steps but the last; a step without so many behind it is not asked."""
        column = columns[self.target]
        ahead = self._ahead(column)
        if isinstance(self.space, Tokens):
            targets = Ragged(ahead.flat[:, 0], column.offsets)
        else:
            so_far = self._so_far(column)
            scaled = ahead.flat if so_far is None else so_far.asked(ahead.flat)
            targets = Ragged(scaled.flatten(1), column.offsets)
        examples = self._beside(self.inputs.examples(self._read(columns), targets), column)
        return replace(
            examples,
            inputs=without_last(examples.inputs),
            targets=without_last(targets),
            views={name: without_last(view) for name, view in examples.views.items()},
        )

    def without_targets(self, columns: Columns) -> Examples:
        """Examples of all steps, with nothing asked."""
        made = EveryStep(self.inputs, self.target, self.space).without_targets(self._read(columns))
        found = self._beside(made, columns[self.target])
        return found if self.season is None else replace(found, continued=partial(self._continued, columns))

    def _continued(self, columns: Columns, rows: Tensor, answers: Tensor, steps: int) -> Examples:
        """Some rows as they go on if these are the answers: in the scale of the column, [rows steps feature].

        steps: that are asked for then. Raises DataError where what is known ahead is not known for all of these.
        """
        picked = {name: column.pick(rows) for name, column in columns.items()}
        needed = picked[self.target].lengths + answers.shape[1] + steps
        for name in self.known_ahead:
            if (picked[name].lengths < needed).any():
                raise DataError(
                    f"{name} is not known for all steps that are to be forecast: give it in further rows whose "
                    f"{self.target} is empty, or lower horizon="
                )
        return self.without_targets({**picked, self.target: picked[self.target].followed_by(answers)})

    def not_ahead(self, columns: Columns) -> dict[str, int]:
        """How many rows do not say what is known of the steps that are asked for, by the name of the input."""
        needed = columns[self.target].lengths + self.horizon
        return {name: int((columns[name].lengths < needed).sum()) for name in self.known_ahead}

    def _so_far(self, column: Ragged) -> SoFar | None:
        """What the column's steps are scaled by, where that is what was read so far."""
        return SoFar.of(column, self.seasons[self.target]) if self.target in self.seasons else None

    def _beside(self, examples: Examples, column: Ragged) -> Examples:
        """The same with what each step's answer is scaled by and compared with, and the column's last values."""
        if self.season is None:
            return examples
        so_far = self._so_far(column)
        views = {REFERENCES: references(column, self.season, self.horizon)}
        if so_far is not None:
            views[UNITS] = so_far.units()
        if self.lags is not None:
            values = lagged(column, self.lags)
            views[LAGS] = (values.nan_to_num(0.0) if so_far is None else so_far.lagged(values)).flatten(1)
        made = {name: Ragged(view, column.offsets) for name, view in views.items()}
        return replace(examples, views={**examples.views, **made})

    def _read(self, columns: Columns) -> dict[str, Ragged]:
        """The columns, those that are known ahead as what they are in the next steps."""
        read = scaled_so_far(columns, self.seasons)
        for name in self.known_ahead:
            shifted = self._ahead(columns[name]).flat.flatten(1)
            read[name] = Ragged(shifted.nan_to_num(0.0), columns[name].offsets).fitted(columns[self.target].lengths)
        return read

    def _ahead(self, column: Ragged) -> Ragged:
        """At each step the next steps, [total horizon feature]; NaN, or IGNORE, behind the row's end."""
        flat = wide(column.flat)
        flat = flat if flat.dim() > 1 or not flat.is_floating_point() else flat[:, None]
        places = torch.arange(len(flat))[:, None] + 1 + torch.arange(self.horizon)
        ends = column.offsets[1:].repeat_interleave(column.lengths)[:, None]
        found = flat[places.clamp(max=max(len(flat) - 1, 0))]
        empty = float("nan") if flat.is_floating_point() else IGNORE
        beyond = (places >= ends).view(*places.shape, *[1] * (flat.dim() - 1))
        return Ragged(found.masked_fill(beyond, empty), column.offsets)


@dataclass(frozen=True)
class Written:
    """A sequence of tokens is written for each row; the first input is the source, or there is none."""

    inputs: Inputs
    target: str
    writing: Writing

    def examples(self, columns: Columns) -> Examples:
        """Examples of a decoder under teacher forcing."""
        source = None if self.inputs.first is None else columns[self.inputs.first]
        made = teacher_forcing(source, columns[self.target], self.writing)
        return replace(made, wholes=self.inputs.beside(columns)["wholes"])

    def without_targets(self, columns: Columns) -> Examples:
        """Sources for which nothing is asked."""
        made = without_targets(self.inputs.leading(columns), self.writing)
        return replace(made, wholes=self.inputs.beside(columns)["wholes"])


@dataclass(frozen=True)
class RunningText:
    """Documents read from end to end: at each token, which one is next?"""

    target: str

    def examples(self, columns: Columns) -> Stream:
        """The documents of a split."""
        return Stream(columns[self.target])

    def without_targets(self, columns: Columns) -> Examples:
        """Each row by itself, with nothing asked."""
        column = columns[self.target]
        return Examples(column, Ragged(torch.full((len(column.flat),), IGNORE), column.offsets))


def nothing(space: Spec, items: int) -> Tensor:
    """Targets of so many items of which none is asked: [items] of classes, [items size] of numbers."""
    if isinstance(space, Tokens):
        return torch.full((items,), IGNORE)
    return torch.full((items, space.size), float("nan"))


def asked_late(targets: Ragged | Tensor, first: Tensor) -> Ragged | Tensor:
    """Targets with nothing asked at a row's steps before `first` [rows]; targets of whole rows as they are."""
    if isinstance(targets, Tensor):
        return targets
    steps = torch.arange(len(targets.flat)) - targets.offsets[:-1].repeat_interleave(targets.lengths)
    early = steps < first.repeat_interleave(targets.lengths)
    flat = wide(targets.flat)
    empty = float("nan") if flat.is_floating_point() else IGNORE
    return Ragged(flat.masked_fill(early.view(-1, *[1] * (flat.dim() - 1)), empty), targets.offsets)


def without_last(column: Ragged) -> Ragged:
    """Each row without its last step; a row of none keeps none."""
    kept = torch.ones(len(column.flat), dtype=torch.bool)
    kept[column.offsets[1:][column.lengths > 0] - 1] = False
    lengths = (column.lengths - 1).clamp(min=0)
    return Ragged(column.flat[kept], torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


def forecast(space: Spec, horizon: int) -> Spec:
    """What is asked of a column's next steps: a class, or the numbers of all of them."""
    if isinstance(space, Tokens) or horizon == 1:
        return space
    names, scale = (space.names, space.scale) if isinstance(space, Vector) else ((), None)
    if scale is not None:
        scale = replace(scale, centre=scale.centre * horizon, deviation=scale.deviation * horizon)
    steps = range(1, horizon + 1)
    named = tuple(f"{name}+{step}" for step in steps for name in names)
    digits = space.digits * horizon if isinstance(space, Vector) else ()
    return Vector(space.size * horizon, named, scale=scale, digits=digits)
