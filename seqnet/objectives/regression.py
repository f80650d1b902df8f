"""Numbers: squared, absolute or Huber error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.kinds import Item
from seqnet.objectives.vectors import expect_vector
from seqnet.spaces import Space

if TYPE_CHECKING:
    from torchmetrics import Metric

ERRORS: dict[str, Callable[..., Tensor]] = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}


class Regression:
    """The error of a vector of numbers, averaged over its numbers.

    loss: `mse`, `mae`, or `huber` (squared below a distance of 1, linear above). Raises ConfigurationError
    for targets that are not numbers and for an unknown loss.
    """

    judges = (Item.NUMBER, Item.LABELS)
    scores = ("mse", "mae")

    def __init__(self, targets: Space, loss: Literal["mse", "mae", "huber"] = "mse") -> None:
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
        total = ERRORS[self.error](logits.float(), targets.reshape_as(logits), reduction="sum")
        return total / self.out_features

    def losses(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """What `loss` sums, [n]."""
        return ERRORS[self.error](logits.float(), targets.reshape_as(logits), reduction="none").mean(dim=-1)

    def metrics(self) -> dict[str, Metric]:
        """mse and mae over all numbers."""
        from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError

        return {"mse": MeanSquaredError().set_dtype(torch.float64), "mae": MeanAbsoluteError().set_dtype(torch.float64)}

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits, targets: [n out]."""
        for metric in metrics.values():
            metric.update(logits.flatten(), targets.flatten())

    def decide(self, logits: Tensor) -> tuple[Tensor, None]:
        """The numbers themselves; they have no probability."""
        return logits, None

    def explain(self, decision: list[float]) -> Any:
        """One number, a number by name where the data names them, or a list of numbers."""
        if self.targets.names:
            return dict(zip(self.targets.names, decision, strict=True))
        return decision[0] if self.out_features == 1 else decision

    def derived(self, loss: float) -> dict[str, float]:
        """mse or mae, where that is the loss."""
        return {} if self.error == "huber" else {self.error: loss}
