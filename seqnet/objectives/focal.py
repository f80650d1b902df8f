"""One class out of several, where most items are easy: focal loss (Lin et al. 2017)."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from seqnet.objectives.classes import exported_classes
from seqnet.objectives.classification import Classification
from seqnet.objectives.single import at_least_single
from seqnet.objectives.weights import Weights
from seqnet.options import NotNegative
from seqnet.specs import Spec


class Focal(Classification):
    """-alpha_y (1 - p_y)^gamma log p_y in training (Lin et al. 2017, equation 5), else the cross-entropy.

    gamma: how much less an item counts that is answered well; 0 is the cross-entropy. weights: alpha, as for
    classification. Raises ConfigurationError for targets that are not classes.
    """

    def __init__(self, targets: Spec, gamma: NotNegative = 2.0, weights: Weights = None) -> None:
        super().__init__(targets, weights=weights)
        self.gamma = gamma

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_classes(self.targets)

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed loss in nats, focal in training only. logits: [n classes]; targets: [n] int64."""
        if not training:
            return super().loss(logits, targets, training)
        surprise = F.cross_entropy(at_least_single(logits), targets, reduction="none")
        # p_y = exp(-surprise); 1 - p_y of it loses no digits where p_y is nearly 1, where its root has no gradient
        doubt = (-(-surprise).expm1()).clamp(min=1e-12)
        return (self.weight_of(targets, surprise) * doubt**self.gamma * surprise).sum()
