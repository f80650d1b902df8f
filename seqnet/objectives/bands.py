"""What is judged of a forecast that has a band: values below which said shares of the outcomes are to lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torchmetrics import Metric

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


def update_bands(metrics: Mapping[str, Metric], levels: Levels, wanted: Tensor) -> None:
    """Count n items in metrics of `band_metrics`. wanted: [n size], in the units of the levels."""
    metrics["wql"].update(levels, wanted)
    lowest, highest = levels[min(levels)], levels[max(levels)]
    metrics["coverage"].update(((lowest <= wanted) & (wanted <= highest)).double())
