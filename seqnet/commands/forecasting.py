"""Forecasts of series: further than was trained for, by feeding answers back; and what a person sees of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seqnet import build
from seqnet.batch import REFERENCES, UNITS, Batch, Forecast, has_target
from seqnet.build import Assembly
from seqnet.data.asking import forecast as asked_of
from seqnet.errors import ConfigurationError
from seqnet.kinds import AHEAD, Axis
from seqnet.objectives.bands import MEDIAN
from seqnet.objectives.vectors import undone
from seqnet.tasks.evaluator import in_the_columns_scale
from seqnet.training.evaluation import evaluating
from seqnet.training.precision import Precision

PATHS = 200  # that a distribution is sampled by
SHOWN = 8  # steps of a forecast in a sample
HISTORY = 4  # times as many steps as are forecast stand before them in a picture
BAND_ENDS = (
    "the band ends after {own} steps, which is what this run forecasts at once: beyond them only the median is known, "
    "which is fed back"
)


def forecasts(source: Any) -> bool:
    """Whether a source asks for the next steps of numbers."""
    return bool(getattr(source, "forecasts", False))


@dataclass
class Forecaster:
    """What follows the last step of each row of a batch, so many steps of it.

    Beyond the steps that are forecast at once the answers are fed back: medians, or where the objective gives a
    distribution values drawn from it, on 200 paths. Raises ConfigurationError for what cannot be gone on with.
    """

    assembly: Assembly
    precision: Precision
    config: dict[str, Any]
    steps: int
    trust: Sequence[str] = ()
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        source, objective = self.assembly.source, self.assembly.objective
        self._own: int = source.horizon
        self._draws = hasattr(objective, "draw")
        if not hasattr(objective, "forecast"):
            name = type(objective).__name__
            raise ConfigurationError(f"horizon={self.steps}: {name} does not say what is fed back: leave it out")
        if self.steps > self._own:
            unknown = [
                name
                for name, kind in source.input_kinds.items()
                if kind.axis is Axis.STEP and name != source.target and AHEAD not in kind.traits
            ]
            if unknown:
                raise ConfigurationError(
                    f"horizon={self.steps} is beyond the {self._own} steps that this run forecasts at once, and "
                    f"nothing says what {unknown[0]} will be then: leave it out, or train with a longer data.horizon"
                )
        self._asked = build.make(self.config["objective"], self.trust, targets=asked_of(source.step, self.steps))
        self._generator = torch.Generator().manual_seed(self.config["seed"])

    def __call__(self, batch: Batch) -> tuple[list[dict[str, Any]], list[Forecast]]:
        """A row of JSON for each, and what is drawn of it."""
        found = self.logits(batch)
        decisions, _ = self._asked.decide(found)
        rows = [{"prediction": self._asked.explain(decision), "score": None} for decision in decisions.tolist()]
        read = [batch.views[REFERENCES][row, :length] for row, length in enumerate(batch.lengths.tolist())]
        source = self.assembly.source
        return rows, [pictured(source, self._asked, *each) for each in zip(found, read, strict=True)]

    def logits(self, batch: Batch) -> Tensor:
        """What the objective makes an answer of so many steps of, [rows parts*steps*feature]."""
        first = self._last(batch)
        size = self.assembly.source.step.size
        parts = first.unflatten(1, (-1, self._own, size))  # such as quantiles
        if self.steps <= self._own:
            return torch.flatten(parts[:, :, : self.steps], 1)
        more = self._distribution(batch, first) if self._draws else self._medians(batch, first)
        longer: Tensor = torch.cat([parts, more[:, :, self._own : self.steps]], dim=2).flatten(1)
        return longer

    def _medians(self, batch: Batch, first: Tensor) -> Tensor:
        """Medians fed back, and NaN for all other parts: [rows parts steps feature]."""
        fed = self._fed_back(batch, first, lambda logits: self.assembly.objective.forecast(logits)[MEDIAN])
        levels = list(self.assembly.objective.forecast(first))
        if len(levels) > 1 and not self.notes:
            self.notes.append(BAND_ENDS.format(own=self._own))
        nothing = torch.full_like(fed, torch.nan)
        return torch.stack([fed if level == MEDIAN else nothing for level in levels], dim=1)

    def _distribution(self, batch: Batch, first: Tensor) -> Tensor:
        """What the objective says of values that were drawn and fed back: [rows parts steps feature]."""
        objective: Any = self.assembly.objective
        rows = first.repeat_interleave(PATHS, 0)
        fed = self._fed_back(batch, rows, lambda logits: objective.draw(logits, self._generator))
        found = objective.of_draws(fed.flatten(1).unflatten(0, (len(first), PATHS)))
        parts: Tensor = found.unflatten(1, (-1, *fed.shape[1:]))
        return parts

    def _fed_back(self, batch: Batch, first: Tensor, answer: Any) -> Tensor:
        """Answers [rows steps feature], each made after those before it. first: logits of the first."""
        assert batch.continued is not None
        size = self.assembly.source.step.size
        fed: Tensor = answer(first).unflatten(1, (self._own, size))
        while fed.shape[1] < self.steps:
            more = answer(self._last(batch.continued(fed.cpu(), min(self._own, self.steps - fed.shape[1]))))
            fed = torch.cat([fed, more.unflatten(1, (self._own, size))], dim=1)
        return fed

    def _last(self, batch: Batch) -> Tensor:
        """The logits of each row's last step, in the scale of its column."""
        moved = batch.to(self.precision.device)
        with evaluating(self.assembly.model), self.precision.autocast():
            output = self.assembly.model(moved, None)
            place = torch.arange(len(moved.lengths), device=moved.lengths.device), moved.lengths - 1
            units = moved.views.get(UNITS)
            logits = output.head(output.features[place]).float()
            return in_the_columns_scale(logits, None if units is None else units[place])


def pictured(source: Any, objective: Any, logits: Tensor, references: Tensor, wanted: Tensor | None = None) -> Forecast:
    """A forecast of the first column and what was before it, in the file's units.

    logits: of one step; references: [time ...] up to it; wanted: what came, [horizon*feature]. In the column's scale.
    """
    step, size = source.step, source.step.size
    levels = {
        level: undone(step, values.detach().unflatten(-1, (-1, size)))[0, :, 0].cpu()
        for level, values in objective.forecast(logits[None]).items()
    }
    steps = len(levels[MEDIAN])
    before = undone(step, references[-HISTORY * steps :, :size])[:, 0].cpu()
    came = None if wanted is None else undone(step, wanted.unflatten(-1, (-1, size)))[:, 0].cpu()
    return Forecast(before, levels, came, source.target)


def samples(assembly: Assembly, few: Batch, precision: Precision) -> tuple[list[str], list[Forecast]]:
    """The last step of each row of which a forecast is judged: as text, and as a picture."""
    moved = few.to(precision.device)
    with evaluating(assembly.model), precision.autocast():
        output = assembly.model(moved, None)
        logits = output.head(output.features).float()
    told: list[str] = []
    drawn: list[Forecast] = []
    steps = has_target(moved.targets).all(-1)
    for row in range(few.size):
        if not steps[row].any():
            continue
        last = int(steps[row].nonzero()[-1])
        units = moved.views.get(UNITS)
        scale = None if units is None else units[row, last][None]
        found = in_the_columns_scale(logits[row, last][None], scale)[0]
        wanted = in_the_columns_scale(moved.targets[row, last][None], scale)[0]
        one = pictured(assembly.source, assembly.objective, found, moved.views[REFERENCES][row, : last + 1], wanted)
        told.append(as_text(one))
        drawn.append(one)
    return told, drawn


def as_text(one: Forecast) -> str:
    """The first steps of a forecast below what came, column by column."""
    lines: Mapping[str, Tensor] = {
        **({} if one.wanted is None else {"wanted": one.wanted}),
        **{f"{level:g}": values for level, values in one.levels.items()},
    }
    width = max(map(len, lines))
    more = " ..." if len(one.levels[MEDIAN]) > SHOWN else ""
    return "\n".join(
        f"{name:>{width}} {' '.join(f'{value:>9.4g}' for value in values[:SHOWN].tolist())}{more}"
        for name, values in lines.items()
    )
