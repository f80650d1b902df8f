"""Values below which said shares of the outcomes lie: quantile regression (Koenker & Bassett 1978)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis, Item
from seqnet.linear import Linear
from seqnet.objectives.bands import LEVELS, MEDIAN, Levels, band_metrics, pinball, update_with_band
from seqnet.objectives.regression import Regression
from seqnet.objectives.single import at_least_single
from seqnet.objectives.vectors import as_answer, expect_vector, exported_amounts
from seqnet.options import Option, number, several
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric

Shares = Annotated[
    Sequence[float],
    Option(
        "a list of rising numbers between 0 and 1, with 0.5 among them",
        lambda value: (
            several(number(above=0, below=1)).accepts(value) and MEDIAN in value and sorted(set(value)) == list(value)
        ),
    ),
]


class Quantile:
    """The pinball loss of each quantile of each number, averaged over both.

    The output layer gives the median, and from it the distances to the other quantiles, so that none cross. conformal:
    the outermost band is moved out (or in) by one number, such that it holds its share of the validation split
    (conformalised quantile regression, Romano et al. 2019). Raises ConfigurationError for targets that are not numbers,
    and for quantiles that do not rise, or are without 0.5.
    """

    judges = (Item.NUMBER,)
    scores = ("mse", "mae", "r2", "wql")
    axes = (Axis.ROW, Axis.STEP)

    def __init__(self, targets: Spec, quantiles: Shares = LEVELS, conformal: bool = False) -> None:
        self.targets = expect_vector("quantile", targets)
        levels = tuple(quantiles)
        if MEDIAN not in levels or list(levels) != sorted(set(levels)) or not 0 < levels[0] <= levels[-1] < 1:
            raise ConfigurationError(
                f"objective.quantiles={list(levels)} must rise between 0 and 1, with 0.5 among them"
            )
        if conformal and len(levels) == 1:
            raise ConfigurationError(
                "objective.conformal=true is of a band, and objective.quantiles=[0.5] has none: name more of them"
            )
        self.quantiles = levels
        self.conformal = conformal
        self.of_validation = "objective.conformal=true measures a band" if conformal else None
        self.out_features = len(levels) * targets.size
        self.class_names: tuple[str, ...] = ()
        self._median = Regression(targets)

    def output_layer(self, in_features: int) -> QuantileLayer:
        """The model's output layer."""
        return QuantileLayer(in_features, self.targets.size, self.quantiles, self.conformal)

    def forecast(self, logits: Tensor) -> Levels:
        """Each quantile by its share, [n size]. logits: [n quantiles*size]."""
        parts = logits.unflatten(-1, (len(self.quantiles), -1)).unbind(-2)
        return dict(zip(self.quantiles, parts, strict=True))

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed over items. logits: [n quantiles*size]; targets: [n size]."""
        return self.losses(logits, targets, training).sum()

    def losses(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """What `loss` sums, [n]."""
        wanted = targets.reshape(-1, self.targets.size)
        each = [pinball(level, found, wanted) for level, found in self.forecast(at_least_single(logits)).items()]
        return torch.stack(each, dim=-1).mean(dim=(-2, -1))

    def metrics(self) -> dict[str, Metric]:
        """Those of regression, of the median; wql; and coverage, of the outermost band."""
        return self._median.metrics() | band_metrics()

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits: [n quantiles*size]; targets: [n size]."""
        levels = self.forecast(logits)
        update_with_band(metrics, self._median, levels[MEDIAN], levels, targets)

    def decide(self, logits: Tensor) -> tuple[Tensor, None]:
        """The quantiles themselves; they have no probability."""
        return logits, None

    def explain(self, decision: list[float]) -> Any:
        """What regression says, of each quantile by its share; of a target it alone."""
        size = self.targets.size
        if len(decision) == size:
            return as_answer(self.targets, decision)
        parts = (decision[begin : begin + size] for begin in range(0, len(decision), size))
        return {f"{level:g}": as_answer(self.targets, part) for level, part in zip(self.quantiles, parts, strict=True)}

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_amounts(self.targets, [f"{level:g}" for level in self.quantiles])

    def report(self, horizon: int) -> list[Any]:
        """What regression reports, of the median."""
        return self._median.report(horizon, lambda logits: self.forecast(logits)[MEDIAN])

    def derived(self, loss: float) -> dict[str, float]:
        """Nothing follows from the mean loss."""
        return {}


class QuantileLayer(nn.Module):
    """Features to quantiles [... quantiles*size]: the median, and distances that are summed up on either side of it.

    point: which outputs of `linear` are the median. In evaluation the outermost quantiles lie further out by `widening`
    where `conformal` says so: what `conform` made of outcomes that nothing was trained on.
    """

    widening: Tensor

    def __init__(self, in_features: int, size: int, quantiles: Sequence[float], conformal: bool = False) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, len(quantiles) * size
        self.share = quantiles[-1] - quantiles[0]
        self._size, self._below = size, quantiles.index(MEDIAN)
        self.point = slice(self._below * size, (self._below + 1) * size)
        self.linear = Linear(in_features, self.out_features)
        if conformal:
            self.register_buffer("widening", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """features: [... feature]."""
        raw = self.linear(features).unflatten(-1, (-1, self._size))
        median = raw[..., self._below : self._below + 1, :]
        below = _summed(F.softplus(raw[..., : self._below, :]).flip(-2)).flip(-2)
        above = _summed(F.softplus(raw[..., self._below + 1 :, :]))
        found = torch.cat([median - below, median, median + above], dim=-2)
        if "widening" in self._buffers and not self.training:
            lowest, inner, highest = found.split([1, found.shape[-2] - 2, 1], dim=-2)
            found = torch.cat([lowest - self.widening, inner, highest + self.widening], dim=-2)
        return found.flatten(-2)

    def misses(self, features: Tensor, targets: Tensor) -> Tensor | None:
        """How far each outcome lies outside of the band as it was learned (below 0: inside), [n size]; None: no matter.

        features: [n feature]; targets: [n size].
        """
        if "widening" not in self._buffers:
            return None
        found = self(features).float().unflatten(-1, (-1, self._size))
        out = 0.0 if self.training else self.widening
        return torch.maximum(found[:, 0] + out - targets, targets - found[:, -1] + out)

    def conform(self, misses: Tensor) -> None:
        """Move the band such that it holds its share of these outcomes (Romano et al. 2019, equation 12)."""
        rank = math.ceil((misses.numel() + 1) * self.share)
        if 0 < rank <= misses.numel():
            self.widening = misses.flatten().sort().values[rank - 1].to(self.widening)


def _summed(distances: Tensor) -> Tensor:
    """Each of [... n size] with all before it. A GPU has no cumsum that gives the same bits every time."""
    parts = list(accumulate(distances.unbind(-2)))
    return torch.stack(parts, dim=-2) if parts else distances
