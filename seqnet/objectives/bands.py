"""What is judged of a forecast that has a band: values below which said shares of the outcomes are to lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqnet.objectives.vectors import undone

if TYPE_CHECKING:
    from torchmetrics import Metric

    from seqnet.objectives.regression import Regression

LEVELS = (0.1, 0.5, 0.9)
MEDIAN = 0.5
SCORES = ("wql", "coverage")  # what `band_metrics` makes

Levels = Mapping[float, Tensor]
"""The value [n size] that each share of the outcomes is to lie below, by rising shares."""


def pinball(level: float, found: Tensor, wanted: Tensor) -> Tensor:
    """The loss of a quantile (Koenker & Bassett 1978): level * e where e = wanted - found > 0, else (level - 1) * e."""
    error = wanted - found
    return torch.maximum(level * error, (level - 1) * error)


def band_metrics() -> dict[str, Metric]:
    """wql, and coverage: the share of outcomes within the outermost values."""
    from torchmetrics import MeanMetric

    from seqnet.objectives.weighted_quantile_loss import WeightedQuantileLoss

    return {"wql": WeightedQuantileLoss(), "coverage": MeanMetric().set_dtype(torch.float64)}


def update_with_band(
    metrics: dict[str, Metric], regression: Regression, point: Tensor, levels: Levels, targets: Tensor
) -> None:
    """Count n items in the metrics of `regression`, by a point [n size], and in those of `band_metrics`.

    levels, targets: [n size], scaled as the point is; the band is judged in the units of the file.
    """
    wanted = targets.reshape(-1, regression.targets.size)
    regression.update({name: metrics[name] for name in metrics if name not in SCORES}, point, wanted)
    told = {level: undone(regression.targets, values) for level, values in levels.items()}
    outcomes = undone(regression.targets, wanted)
    metrics["wql"].update(told, outcomes)
    lowest, highest = told[min(told)], told[max(told)]
    metrics["coverage"].update(((lowest <= outcomes) & (outcomes <= highest)).double())
