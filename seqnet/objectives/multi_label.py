"""Several labels at once, each there or not: binary cross-entropy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.kinds import Item
from seqnet.objectives.single import at_least_single
from seqnet.objectives.vectors import expect_vector
from seqnet.objectives.weights import Weights, of_labels
from seqnet.options import SomeShare
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric


class MultiLabel:
    """Binary cross-entropy of each label, summed over labels: the negative log-likelihood of an item.

    A piano roll's frame is an item of 88 labels (Boulanger-Lewandowski et al. 2012). weights: how much more a label
    counts in training where it is there than where it is not: a list in their order, or balanced: so that both count
    alike. threshold: the probability above which a label is said to be there; chosen: the one with the best macro_f1
    on the validation split, which is stored with the run. Raises ConfigurationError for targets that are not vectors.
    """

    judges = (Item.LABELS,)
    scores = ("nll", "accuracy", "macro_f1")

    def __init__(self, targets: Spec, weights: Weights = None, threshold: SomeShare | Literal["chosen"] = 0.5) -> None:
        self.targets = expect_vector("multi_label", targets)
        self._weights = of_labels(weights, self.targets)
        self.chooses = threshold == "chosen"
        self.of_validation = "objective.threshold=chosen is chosen" if self.chooses else None
        self.threshold = 0.5 if isinstance(threshold, str) else threshold
        self.out_features = targets.size
        self.class_names: tuple[str, ...] = ()

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Binary cross-entropy in nats, summed over labels and items, weighted in training only.

        logits, targets (0 or 1): [n out].
        """
        logits = at_least_single(logits)
        weights = None if self._weights is None or not training else self._weights.to(logits)
        wanted = targets.reshape_as(logits)
        return F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=weights, reduction="sum")

    def metrics(self) -> dict[str, Metric]:
        """nll (an item, in nats), accuracy over single labels, F1 averaged over labels; the threshold if chosen."""
        from torchmetrics import MeanMetric
        from torchmetrics.classification import MultilabelAccuracy, MultilabelF1Score
        from torchmetrics.metric import CompositionalMetric

        from seqnet.objectives.label_counts import LabelCounts
        from seqnet.objectives.thresholds import GRID

        labels = self.targets.size
        if self.chooses:
            counts = LabelCounts(labels)
            ways = {
                "accuracy": lambda found: found[0][GRID.index(self.threshold)],
                "macro_f1": lambda found: found[1][GRID.index(self.threshold)],
                "threshold": lambda found: found[0].new_tensor(self.threshold),
            }
            return {
                "nll": MeanMetric(nan_strategy="disable").set_dtype(torch.float64),
                **{name: CompositionalMetric(way, counts, None) for name, way in ways.items()},
            }
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
        if self.chooses:
            metrics["accuracy"].update(logits, targets)  # the others read the same counts
            return
        decisions, wanted = self._there(logits).long(), targets.long()
        metrics["accuracy"].update(decisions, wanted)
        metrics["macro_f1"].update(decisions, wanted)

    def choose(self, metrics: dict[str, Metric]) -> None:
        """Take the threshold with the best macro_f1 of what `metrics` counted, where it is to be chosen."""
        if self.chooses:
            self.threshold = metrics["accuracy"].metric_a.best()  # type: ignore[union-attr,operator]

    def state(self) -> dict[str, float]:
        """The threshold; nothing where none is chosen."""
        return {"threshold": self.threshold} if self.chooses else {}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises ValueError where it is malformed."""
        if not self.chooses:
            return
        from seqnet.objectives.thresholds import GRID

        if not isinstance(state, dict) or state.get("threshold") not in GRID:
            raise ValueError("the stored threshold of labels is none that is chosen")
        self.threshold = state["threshold"]

    def _there(self, logits: Tensor) -> Tensor:
        return logits > math.log(self.threshold / (1 - self.threshold))

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Whether each label is there [... out] bool, and the probability [...] that all are so."""
        return _told(logits, self._there(logits))

    def draw(self, logits: Tensor, generator: torch.Generator, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
        """Labels drawn at random, each by itself, [... labels] bool, and how likely these are, [...]; see `drawn`."""
        return _told(logits, drawn(logits, generator, temperature))

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability that each label is there, [... labels]."""
        return logits.sigmoid()

    def explain(self, decision: list[bool]) -> list[Any]:
        """The labels that are there: their names where the data has any, else their places."""
        return [self.targets.names[i] if self.targets.names else i for i, there in enumerate(decision) if there]

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        names = self.targets.names or range(self.targets.size)
        return {"kind": "present", "names": list(names), "threshold": self.threshold}

    def report(self, horizon: int) -> list[Any]:
        """A row a label."""
        from seqnet.objectives.tables import Labels

        return [Labels(self.targets.names or range(self.targets.size))]

    def derived(self, loss: float) -> dict[str, float]:
        """nll is the mean loss."""
        return {"nll": loss}


def _told(logits: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Labels, and the probability that all are so, in double precision: that of 88 is often next to none."""
    return there, F.logsigmoid(torch.where(there, logits, -logits)).double().sum(dim=-1).exp()


def drawn(logits: Tensor, generator: torch.Generator, temperature: float) -> Tensor:
    """Whether each is there, bool, with probability sigmoid(logit / temperature); at 0 where the logit is above 0.

    Draws from `generator` alone, on its device.
    """
    if temperature == 0:
        return logits > 0
    chances = (logits.to(generator.device, torch.float64) / temperature).sigmoid()
    return torch.bernoulli(chances, generator=generator).bool().to(logits.device)
