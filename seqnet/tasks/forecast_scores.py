"""How good a forecast of a series is beside the two that need no model (Hyndman & Koehler 2006)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqnet.objectives.bands import MEDIAN, Levels
from seqnet.objectives.vectors import undone
from seqnet.specs import Vector
from seqnet.tasks.merging import by_itself

if TYPE_CHECKING:
    from torchmetrics import Metric

SCORES = ("mase", "wql")  # that say how good a forecast is
NAIVE = ("last_value", "seasonal_naive")


class ForecastScores:
    """mase and wql of a forecast, and those of the last value and of the last season's values.

    mase: the mean of absolute errors, each over the series' own mean absolute seasonal difference up to where the
    forecast begins; numbers that have none are left out. wql: the weighted quantile loss.
    """

    def __init__(self, targets: Vector) -> None:
        from torchmetrics import MeanMetric

        from seqnet.objectives.weighted_quantile_loss import WeightedQuantileLoss

        self._targets = targets
        self.metrics: dict[str, Metric] = {}
        for name in ("", *(f"_{each}" for each in NAIVE)):
            self.metrics[f"mase{name}"] = MeanMetric(nan_strategy="ignore").set_dtype(torch.float64)
            self.metrics[f"wql{name}"] = WeightedQuantileLoss()
        by_itself(self.metrics.values())

    def update(self, levels: Levels, wanted: Tensor, references: Tensor) -> None:
        """Count n items in the scale of their column. wanted: [n horizon*feature]; references: as `REFERENCES`."""
        naive = naive_forecasts(wanted, references)
        rows = ~torch.cat(list(naive.values()), dim=1).isnan().any(1)
        told = undone(self._targets, wanted)
        others = {f"_{name}": {MEDIAN: values} for name, values in naive.items()}
        scale, known = error_scale(wanted, references)
        for name, found in {"": levels, **others}.items():
            away = scaled_errors(found[MEDIAN], wanted, scale)
            self.metrics[f"mase{name}"].update(away[known])
            found = {level: undone(self._targets, values)[rows] for level, values in found.items()}
            self.metrics[f"wql{name}"].update(found, told[rows])


def naive_forecasts(wanted: Tensor, references: Tensor) -> dict[str, Tensor]:
    """The forecasts that need no model, by name, [n horizon*feature] as what is wanted. references: as `REFERENCES`."""
    last, seasonal, _ = _parted(wanted, references)
    return dict(zip(NAIVE, (last, seasonal), strict=True))


def error_scale(wanted: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """The series' own error so far, float64, and where there is one: [n horizon*feature] both."""
    last, seasonal, error = _parted(wanted, references)
    return error.double(), (error > 0) & ~last.isnan() & ~seasonal.isnan()


def scaled_errors(found: Tensor, wanted: Tensor, scale: Tensor) -> Tensor:
    """Absolute errors over the series' own, float64, [n horizon*feature] as all of them."""
    return (found - wanted).abs().double() / scale


def _parted(wanted: Tensor, references: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The last value, the last season's and the seasonal error so far, each as wide as what is wanted."""
    width = references.shape[1] - wanted.shape[1]  # of the last value and of the error
    last, seasonal, error = references.split([width // 2, wanted.shape[1], width // 2], dim=1)
    horizon = wanted.shape[1] // last.shape[1]
    return last.repeat(1, horizon), seasonal, error.repeat(1, horizon)
