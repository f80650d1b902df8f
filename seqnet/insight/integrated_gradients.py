"""Which of the things that were read an answer rests on: integrated gradients (Sundararajan et al. 2017)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from seqnet.batch import LAGS, Batch
from seqnet.errors import ConfigurationError

FIRST = 16  # points of the path; twice as many until the scores add up
DENSE = 4  # how much denser these are near the baseline
COPIES, STEPS = 64, 1 << 14  # of the row that are computed at a time at most, and of them all
SMALLEST = 0.01  # a difference below which the tolerance is no share of it
NO_GRADIENT = (
    "this run's answers have no gradient with respect to what it reads, so there is nothing to explain them by: a part "
    "of the model, such as a cell of your own, computes outside of torch, or detaches"
)

Answer = Callable[[Batch], Tensor]
"""The numbers to be explained, [copies questions], of a batch that holds one row so many times."""


class Place(NamedTuple):
    """Where a model takes up what it reads: the input's name, which of its encoder's calls, and what there."""

    name: str
    call: int
    what: str


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a number rests on. scores: by input, [time] of tokens, [time letters] of words' letters, [time feature].

    value: the number; baseline_value: the same where nothing was read; points: of the path, that were computed.
    """

    value: float
    baseline_value: float
    scores: Mapping[str, Tensor]
    points: int

    @property
    def total(self) -> float:
        """The sum of all scores."""
        return sum(float(one.sum()) for one in self.scores.values())

    @property
    def gap(self) -> float:
        """How far the scores are from adding up to what is explained."""
        return abs(self.total - (self.value - self.baseline_value))

    @property
    def share(self) -> float:
        """The gap as a share of the difference that is explained, or of 0.01 where that is smaller."""
        return self.gap / max(abs(self.value - self.baseline_value), SMALLEST)

    def complete(self, tolerance: float) -> bool:
        """Whether the scores add up but for such a share."""
        return self.share <= tolerance


def integrated_gradients(
    answer: Answer,
    batch: Batch,
    encoders: Mapping[str, nn.Module],
    baseline: str = "zero",
    tolerance: float = 0.01,
    most: int = 1024,
    copies: int | None = None,
) -> list[Attribution]:
    """(x - x') times the mean gradient on the straight way from a baseline x' to x, for each number of `answer`.

    batch: one row. encoders: what reads each input, by name. Of numbers x is the numbers themselves, of all else the
    vectors that the encoder looks up, or else makes. baseline: `zero`, or the `mean` over the row's own steps. The
    mean is taken at Gauss-Legendre points, twice as many until the scores add up to the difference but for a share
    `tolerance` of it, at most `most`. copies: of the row, computed at a time; None: as many as memory is no worry
    for. Raises ConfigurationError for a model without gradient.
    """
    with _Reading(encoders) as reading, torch.no_grad():
        value = answer(batch)[0]
        read = dict(reading.found)
    if LAGS in batch.views:
        read[Place(LAGS, 0, "values")] = batch.views[LAGS]
    away = {place: x - (_mean(x) if baseline == "mean" else torch.zeros_like(x)) for place, x in read.items()}
    longest = max(batch.time, *(one.shape[1] for one in (batch.source, *_wholes(batch)) if one is not None), 1)
    path = _Path(answer, batch, encoders, read, away, copies or min(COPIES, max(1, STEPS // longest)))
    first = path.values(torch.zeros(1, dtype=torch.float64))[0]
    found: dict[int, Attribution] = {}
    points, open_questions = min(FIRST, most), list(range(len(value)))
    while open_questions:
        gradients = path.gradients(points, open_questions)
        for question, of_places in zip(open_questions, gradients, strict=True):
            scores = _by_input({place: away[place] * slope for place, slope in of_places.items()}, reading.shapes)
            found[question] = Attribution(float(value[question]), float(first[question]), scores, points)
        open_questions = [one for one in open_questions if not found[one].complete(tolerance)] if points < most else []
        points = min(2 * points, most)
    return [found[question] for question in range(len(value))]


def _wholes(batch: Batch) -> list[Tensor]:
    return [one.values for one in batch.wholes.values()]


def _mean(x: Tensor) -> Tensor:
    """The mean of a row's vectors, as often as there are vectors. x: [... size]."""
    return x.mean(dim=tuple(range(x.dim() - 1)), keepdim=True).expand_as(x)


@dataclass(frozen=True, eq=False)
class _Path:
    """The straight way from a baseline to what was read."""

    answer: Answer
    batch: Batch
    encoders: Mapping[str, nn.Module]
    read: Mapping[Place, Tensor]
    away: Mapping[Place, Tensor]  # from the baseline

    copies: int

    def values(self, shares: Tensor) -> Tensor:
        """What is answered after such shares of the way, [shares questions]."""
        with torch.no_grad():
            return self._at(self._points(shares))

    def gradients(self, points: int, questions: Sequence[int]) -> list[dict[Place, Tensor]]:
        """For each question its mean gradient on the way, by place, as what was read there."""
        shares, weights = _path_points(points)
        sums = [{place: torch.zeros_like(x) for place, x in self.read.items()} for _ in questions]
        for some, weight in zip(shares.split(self.copies), weights.split(self.copies), strict=True):
            here = {place: x.requires_grad_() for place, x in self._points(some).items()}
            values = self._at(here)
            if not values.requires_grad:
                raise ConfigurationError(NO_GRADIENT)
            for place, total in enumerate(sums):
                weighed = (values[:, questions[place]] * weight.to(values)).sum()
                again = place < len(sums) - 1
                slopes = torch.autograd.grad(weighed, list(here.values()), retain_graph=again, allow_unused=True)
                for at, slope in zip(here, slopes, strict=True):
                    if slope is not None:
                        total[at] += slope.unflatten(0, (len(some), -1)).sum(0)
        return sums

    def _points(self, shares: Tensor) -> dict[Place, Tensor]:
        """What is read after such shares of the way: the copies of a place's rows follow each other."""
        found = {}
        for place, x in self.read.items():
            share = shares.to(x).view(-1, *[1] * x.dim())
            found[place] = (x + (share - 1) * self.away[place]).flatten(0, 1).detach()
        return found

    def _at(self, read: Mapping[Place, Tensor]) -> Tensor:
        """What is answered to that. read: by place, [copies*rows ...]."""
        rows = next(iter(read.values())).shape[0] // next(iter(self.read.values())).shape[0] if read else 1
        repeated = self.batch.map(lambda tensor: tensor.expand(rows, *tensor.shape[1:]))
        lags = read.get(Place(LAGS, 0, "values"))
        if lags is not None:
            repeated = replace(repeated, views={**repeated.views, LAGS: lags})
        with _Reading(self.encoders, read):
            return self.answer(repeated)


@cache
def _path_points(points: int) -> tuple[Tensor, Tensor]:
    """Where to look between 0 and 1, and what each look weighs: at t^4 of the usual places t, so that they are dense at
    0, where what normalises a faint picture changes within less than a thousandth of the way."""
    places, weights = np.polynomial.legendre.leggauss(points)
    t = (places + 1) / 2
    return torch.from_numpy(t**DENSE), torch.from_numpy(weights / 2 * DENSE * t ** (DENSE - 1))


def _by_input(scores: Mapping[Place, Tensor], shapes: Mapping[Place, Sequence[int]]) -> dict[str, Tensor]:
    """Scores of vectors as those of what the vectors stand for, by input. shapes: of the values that were looked up."""
    found: dict[str, Tensor] = {}
    for place, score in scores.items():
        looked_up = place.what != "values"
        told = score.sum(-1).reshape(shapes[place]) if looked_up else score
        row = told[0].detach()
        found[place.name] = found[place.name] + row if place.name in found else row
    return found


@dataclass(eq=False)
class _Reading:
    """Stands between some encoders and what they read, and hands them something else, or notes what it is."""

    encoders: Mapping[str, nn.Module]
    given: Mapping[Place, Tensor] | None = None
    found: dict[Place, Tensor] = field(default_factory=dict)
    shapes: dict[Place, Sequence[int]] = field(default_factory=dict)  # of the values that vectors were made of
    _calls: dict[str, int] = field(default_factory=dict)
    _open: list[tuple[str, int, Tensor, list[int]]] = field(default_factory=list)
    _hooks: list[Any] = field(default_factory=list)

    def __enter__(self) -> Self:
        tables: dict[int, nn.Module] = {}
        for name, encoder in self.encoders.items():
            self._hooks.append(encoder.register_forward_pre_hook(self._begins(name)))
            self._hooks.append(encoder.register_forward_hook(self._ends()))
            tables |= {id(module): module for module in encoder.modules() if isinstance(module, nn.Embedding)}
        self._hooks += [table.register_forward_hook(self._looks_up, prepend=True) for table in tables.values()]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for hook in self._hooks:
            hook.remove()

    def _begins(self, name: str) -> Callable[[nn.Module, Any], Any]:
        def hook(module: nn.Module, given: Any) -> Any:
            values, call = given[0], self._calls.get(name, 0)
            self._calls[name] = call + 1
            self._open.append((name, call, values, []))
            if not values.is_floating_point():
                return None
            return (self._at(Place(name, call, "values"), values, values.shape), *given[1:])

        return hook

    def _ends(self) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(module: nn.Module, given: Any, made: Any) -> Any:
            name, call, values, looked_up = self._open.pop()
            if values.is_floating_point() or looked_up:
                return None
            return self._at(Place(name, call, "vectors"), made, made.shape[:-1])

        return hook

    def _looks_up(self, module: nn.Module, given: Any, made: Tensor) -> Tensor | None:
        """Vectors of a table, where it is asked for the very values that an encoder reads."""
        if not self._open:
            return None
        name, call, values, looked_up = self._open[-1]
        if given[0].numel() != values.numel() or not torch.equal(given[0].flatten(), values.flatten()):
            return None
        looked_up.append(1)
        return self._at(Place(name, call, f"table {len(looked_up)}"), made, values.shape)

    def _at(self, place: Place, value: Tensor, shape: Sequence[int]) -> Tensor:
        if self.given is not None:
            return self.given[place]
        self.found[place], self.shapes[place] = value.detach(), shape
        return value
