"""A mean and a deviation of each number: the normal distribution's likelihood (Nix & Weigend 1994)."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.kinds import Axis, Item
from seqnet.linear import Linear
from seqnet.objectives.bands import LEVELS, Levels, band_metrics, update_with_band
from seqnet.objectives.regression import Regression
from seqnet.objectives.single import at_least_single
from seqnet.objectives.vectors import as_answer, expect_vector, exported_amounts, in_words, undone
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric

LEAST = 1e-3  # of a deviation, in the scale that is learned


class Gaussian:
    """The negative log-likelihood of numbers under a normal distribution each, averaged over an item's numbers.

    As in DeepAR (Salinas et al. 2020, equation 3). What stands for a distribution is its mean and the value one
    deviation above it, since these are scaled as values are. Raises ConfigurationError for targets that are no
    numbers.
    """

    judges = (Item.NUMBER,)
    scores = ("mse", "mae", "r2", "wql")
    axes = (Axis.ROW, Axis.STEP)

    def __init__(self, targets: Spec) -> None:
        self.targets = expect_vector("gaussian", targets)
        self.out_features = 2 * targets.size
        self.class_names: tuple[str, ...] = ()
        self._mean = Regression(targets)

    def output_layer(self, in_features: int) -> GaussianLayer:
        """The model's output layer."""
        return GaussianLayer(in_features, self.targets.size)

    def _moments(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        mean, above = logits.unflatten(-1, (2, -1)).unbind(-2)
        return mean, above - mean

    def forecast(self, logits: Tensor) -> Levels:
        """The quantiles .1, .5 and .9 by their shares, [n size]. logits: [n 2*size]."""
        mean, deviation = self._moments(logits)
        return {level: mean + NormalDist().inv_cdf(level) * deviation for level in LEVELS}

    def draw(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """A value of each distribution, [n size]. logits: [n 2*size]."""
        mean, deviation = self._moments(logits)
        noise = torch.randn(mean.shape, generator=generator, dtype=torch.float64).to(mean)
        return mean + deviation * noise

    def of_draws(self, values: Tensor) -> Tensor:
        """The distributions of values that were drawn, as logits [n 2*size]. values: [n draws size]."""
        mean, deviation = values.mean(1), values.std(1)
        return torch.cat([mean, mean + deviation], dim=1)

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed over items, in nats a number. logits: [n 2*size]; targets: [n size]."""
        return self.losses(logits, targets, training).sum()

    def losses(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """What `loss` sums, [n]."""
        mean, deviation = self._moments(at_least_single(logits))
        deviation = deviation.clamp(min=LEAST)
        away = (targets.reshape_as(mean) - mean) / deviation
        return (away.square() / 2 + deviation.log() + math.log(2 * math.pi) / 2).mean(dim=-1)

    def metrics(self) -> dict[str, Metric]:
        """Those of regression, of the mean; wql; and coverage, of the band from .1 to .9."""
        return self._mean.metrics() | band_metrics()

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits: [n 2*size]; targets: [n size]."""
        update_with_band(metrics, self._mean, self._moments(logits)[0], self.forecast(logits), targets)

    def decide(self, logits: Tensor) -> tuple[Tensor, None]:
        """The means and what is one deviation above; they have no probability."""
        return logits, None

    def explain(self, decision: list[float]) -> Any:
        """What regression says of the mean, and of the deviation; of a target it alone."""
        size = self.targets.size
        if len(decision) == size:
            return as_answer(self.targets, decision)
        mean, above = (undone(self.targets, torch.tensor(part)) for part in (decision[:size], decision[size:]))
        return {
            "mean": in_words(self.targets, mean.tolist()),
            "deviation": in_words(self.targets, (above - mean).tolist()),
        }

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_amounts(self.targets, ("mean", "deviation"))

    def report(self, horizon: int) -> list[Any]:
        """What regression reports, of the mean."""
        return self._mean.report(horizon, lambda logits: self._moments(logits)[0])

    def derived(self, loss: float) -> dict[str, float]:
        """Nothing follows from the mean loss."""
        return {}


class GaussianLayer(nn.Module):
    """Features to means and what is one deviation above them, [... 2*size]. point: which of `linear` are the means."""

    def __init__(self, in_features: int, size: int) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, 2 * size
        self.point = slice(0, size)
        self.linear = Linear(in_features, 2 * size)

    def forward(self, features: Tensor) -> Tensor:
        """features: [... feature]."""
        mean, raw = self.linear(features).chunk(2, dim=-1)
        return torch.cat([mean, mean + F.softplus(raw) + LEAST], dim=-1)
