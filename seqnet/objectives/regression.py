"""Numbers: squared, absolute or Huber error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.kinds import Item
from seqnet.objectives.bands import MEDIAN, Levels
from seqnet.objectives.single import at_least_single
from seqnet.objectives.vectors import as_answer, expect_vector, exported_amounts, undone
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric

MOST_COLUMNS = 20  # that are scored apart
ERRORS: dict[str, Callable[..., Tensor]] = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}


class Regression:
    """The error of a vector of numbers, averaged over its numbers.

    loss: `mse`, `mae`, or `huber` (squared below a distance of 1, linear above). Raises ConfigurationError
    for targets that are not numbers and for an unknown loss.
    """

    judges = (Item.NUMBER, Item.LABELS)
    scores = ("mse", "mae", "r2")

    def __init__(self, targets: Spec, loss: Literal["mse", "mae", "huber"] = "mse") -> None:
        self.targets = expect_vector("regression", targets)
        if loss not in ERRORS:
            raise ConfigurationError(
                f"objective.loss is '{loss}'; it must be one of {', '.join(ERRORS)}{did_you_mean(loss, ERRORS)}"
            )
        self.error = loss
        self.out_features = targets.size
        self.class_names: tuple[str, ...] = ()

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """The error summed over items, the mean over an item's numbers. logits, targets: [n out]."""
        total = ERRORS[self.error](at_least_single(logits), targets.reshape_as(logits), reduction="sum")
        return total / self.out_features

    def losses(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """What `loss` sums, [n]."""
        return ERRORS[self.error](at_least_single(logits), targets.reshape_as(logits), reduction="none").mean(dim=-1)

    def metrics(self) -> dict[str, Metric]:
        """mse, mae and r2 over all numbers, in the units of the file; baseline_mse and baseline_mae are those of always
        answering the mean of training, where the data tells it; of a few columns with names, mae of each.
        """
        from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError

        from seqnet.objectives.determination import Determination

        made: dict[str, Metric] = {"mse": MeanSquaredError(), "mae": MeanAbsoluteError(), "r2": Determination()}
        if self.targets.scale is not None:
            made |= {"baseline_mse": MeanSquaredError(), "baseline_mae": MeanAbsoluteError()}
        made |= {f"mae_{name}": MeanAbsoluteError() for name in self._columns}
        return {name: metric.set_dtype(torch.float64) for name, metric in made.items()}

    @property
    def _columns(self) -> tuple[str, ...]:
        """The names of the columns that are scored apart."""
        return self.targets.names if 1 < len(self.targets.names) <= MOST_COLUMNS else ()

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits, targets: [n out]."""
        found, wanted = undone(self.targets, logits), undone(self.targets, targets.reshape_as(logits))
        baseline = undone(self.targets, torch.zeros_like(logits))
        for place, name in enumerate(self._columns):
            metrics[f"mae_{name}"].update(found[:, place].contiguous(), wanted[:, place].contiguous())
        for name in metrics.keys() - {f"mae_{column}" for column in self._columns}:
            if name == "r2" and (self.targets.scale is None or not self.targets.scale.log):
                # The same of scaled numbers, whose squares are not too large to be told apart.
                metrics[name].update(logits.flatten(), targets.flatten())
                continue
            given = baseline if name.startswith("baseline_") else found
            metrics[name].update(given.flatten(), wanted.flatten())

    def forecast(self, logits: Tensor) -> Levels:
        """The numbers as what half of the outcomes lie below. logits: [n out]."""
        return {MEDIAN: logits}

    def decide(self, logits: Tensor) -> tuple[Tensor, None]:
        """The numbers themselves; they have no probability."""
        return logits, None

    def explain(self, decision: list[float]) -> Any:
        """One number, a number by name where the data names them, or a list of numbers."""
        return as_answer(self.targets, decision)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_amounts(self.targets)

    def report(self, horizon: int, point: Callable[[Tensor], Tensor] = lambda found: found) -> list[Any]:
        """Errors by column, and of a forecast by step. horizon: how many steps ahead the numbers are asked for.

        point: of what is given the one answer that is compared.
        """
        from seqnet.objectives.tables import Numbers

        names = tuple(name.removesuffix("+1") for name in self.targets.names[: self.out_features // horizon])
        names = names if horizon > 1 else self.targets.names
        return [Numbers(names, horizon, lambda values: undone(self.targets, values), point)]

    def derived(self, loss: float) -> dict[str, float]:
        """mse or mae, where that is the loss, in the units of the file."""
        return {} if self.error == "huber" or self.targets.scale is not None else {self.error: loss}
