"""How good the forecasts of each of several series are, one by one."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from seqnet.objectives.bands import MEDIAN, Levels, pinball
from seqnet.objectives.vectors import undone
from seqnet.specs import Vector
from seqnet.tasks.forecast_scores import error_scale, naive_forecasts, scaled_errors


class BySeries:
    """A row a series: its name, n forecasts, their mase, that of seasonal-naive beside it, and wql; the worst first.

    targets: what is forecast. It holds counts alone.
    """

    def __init__(self, targets: Vector) -> None:
        self._targets = targets
        self._sums: dict[str, Tensor] = {}

    def items(self, levels: Levels, wanted: Tensor, references: Tensor, names: Sequence[str]) -> None:
        """Count n forecasts, each of the series of its name. As for `ForecastScores`: wanted [n horizon*feature]."""
        found = {level: values.cpu() for level, values in levels.items()}
        wanted, references = wanted.cpu(), references.cpu()
        scale, known = error_scale(wanted, references)
        away = scaled_errors(found[MEDIAN], wanted, scale)
        naive = scaled_errors(naive_forecasts(wanted, references)["seasonal_naive"], wanted, scale)
        outcomes = undone(self._targets, wanted).double()
        losses = [pinball(level, undone(self._targets, one).double(), outcomes) for level, one in found.items()]
        rows = [
            torch.ones(len(wanted), dtype=torch.float64),
            away.where(known, 0.0).sum(1),
            known.double().sum(1),
            naive.where(known, 0.0).sum(1),
            2 * torch.stack(losses).mean(0).sum(1),
            outcomes.abs().sum(1),
        ]
        for name, sums in zip(names, torch.stack(rows, dim=1), strict=True):
            self._sums[name] = self._sums[name] + sums if name in self._sums else sums

    def rows(self) -> Iterator[dict[str, Any]]:
        """`series`, where there are several."""
        if len(self._sums) < 2:
            return
        found = [(name, *sums.tolist()) for name, sums in self._sums.items()]
        told = [
            {
                "table": "series",
                "series": name,
                "n": int(count),
                "mase": away / known if known else None,
                "mase_seasonal_naive": naive / known if known else None,
                "wql": loss / size if size else None,
            }
            for name, count, away, known, naive, loss, size in found
        ]
        yield from sorted(told, key=lambda row: (row["mase"] is None, -(row["mase"] or 0.0)))
