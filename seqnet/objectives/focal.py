"""One class out of several, where most items are easy: focal loss (Lin et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor

from seqnet.kinds import Item
from seqnet.objectives.classification import Classification
from seqnet.objectives.weights import Weights
from seqnet.options import NotNegative
from seqnet.spaces import Space

if TYPE_CHECKING:
    from torchmetrics import Metric


class Focal:
    """-alpha_y (1 - p_y)^gamma log p_y in training (Lin et al. 2017, equation 5), else the cross-entropy.

    gamma: how much less an item counts that is answered well; 0 is the cross-entropy. weights: alpha, as for
    classification. Raises ConfigurationError for targets that are not classes.
    """

    judges = (Item.LABEL, Item.TOKEN)
    scores = ("accuracy", "macro_f1")

    def __init__(self, targets: Space, gamma: NotNegative = 2.0, weights: Weights = None) -> None:
        self._classes = Classification(targets, weights=weights)
        self.targets = self._classes.targets
        self.gamma = gamma
        self.out_features = targets.size
        self.class_names = self.targets.names

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed loss in nats, focal in training only. logits: [n classes]; targets: [n] int64."""
        if not training:
            return self._classes.loss(logits, targets, training)
        surprise = F.cross_entropy(logits.float(), targets, reduction="none")
        # p_y = exp(-surprise); 1 - p_y of it loses no digits where p_y is nearly 1, where its root has no gradient
        doubt = (-(-surprise).expm1()).clamp(min=1e-12)
        return (self._classes.weight_of(targets, surprise) * doubt**self.gamma * surprise).sum()

    def weigh(self, targets: Tensor) -> float:
        """What the weights of targets [n] add up to."""
        return self._classes.weigh(targets)

    def metrics(self) -> dict[str, Metric]:
        """As of classification."""
        return self._classes.metrics()

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits: [n classes]; targets: [n], UNKNOWN_LABEL for a class never seen."""
        self._classes.update(metrics, logits, targets)

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely class and its probability. logits: [... classes]; returns [...] twice."""
        return self._classes.decide(logits)

    def explain(self, decision: int) -> str:
        """The name of a class."""
        return self._classes.explain(decision)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability of each class, [... classes]."""
        return self._classes.probabilities(logits)

    def report(self, horizon: int) -> list[Any]:
        """A row a class, and which was taken for which."""
        return self._classes.report(horizon)

    def derived(self, loss: float) -> dict[str, float]:
        """Nothing follows from the mean loss."""
        return {}
