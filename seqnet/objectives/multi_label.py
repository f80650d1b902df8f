"""Several labels at once, each there or not: binary cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.kinds import Item
from seqnet.objectives.vectors import expect_vector
from seqnet.spaces import Space

if TYPE_CHECKING:
    from torchmetrics import Metric


class MultiLabel:
    """Binary cross-entropy of each label, summed over labels: the negative log-likelihood of an item.

    A piano roll's frame is an item of 88 labels (Boulanger-Lewandowski et al. 2012). Raises
    ConfigurationError for targets that are not vectors.
    """

    judges = (Item.LABELS,)
    scores = ("nll", "accuracy", "macro_f1")

    def __init__(self, targets: Space) -> None:
        self.targets = expect_vector("multi_label", targets)
        self.out_features = targets.size
        self.class_names: tuple[str, ...] = ()

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Binary cross-entropy in nats, summed over labels and items. logits, targets (0 or 1): [n out]."""
        return F.binary_cross_entropy_with_logits(logits.float(), targets.reshape_as(logits), reduction="sum")

    def metrics(self) -> dict[str, Metric]:
        """nll (an item, in nats), accuracy over single labels, and F1 averaged over labels."""
        from torchmetrics import MeanMetric
        from torchmetrics.classification import MultilabelAccuracy, MultilabelF1Score

        labels = self.out_features
        return {
            "nll": MeanMetric(nan_strategy="disable").set_dtype(torch.float64),
            "accuracy": MultilabelAccuracy(labels, average="micro", validate_args=False),
            "macro_f1": MultilabelF1Score(labels, average="macro", validate_args=False),
        }

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits, targets: [n out]."""
        targets = targets.reshape_as(logits)
        each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(dim=-1)
        metrics["nll"].update(each)  # a value an item: nan_strategy=disable ignores weights
        decisions, wanted = (logits > 0).long(), targets.long()
        metrics["accuracy"].update(decisions, wanted)
        metrics["macro_f1"].update(decisions, wanted)

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The likelier state of each label [... out] bool, and the probability [...] that all are so."""
        return logits > 0, F.logsigmoid(logits.abs()).sum(dim=-1).exp()

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability that each label is there, [... labels]."""
        return logits.sigmoid()

    def explain(self, decision: list[bool]) -> list[Any]:
        """The labels that are there: their names where the data has any, else their places."""
        return [self.targets.names[i] if self.targets.names else i for i, there in enumerate(decision) if there]

    def report(self, horizon: int) -> list[Any]:
        """A row a label."""
        from seqnet.objectives.tables import Labels

        return [Labels(self.targets.names or range(self.out_features))]

    def derived(self, loss: float) -> dict[str, float]:
        """nll is the mean loss."""
        return {"nll": loss}
