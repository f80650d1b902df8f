"""The next token: cross-entropy, perplexity and bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from seqnet.attention.mixture import mixture
from seqnet.kinds import Axis, Item
from seqnet.objectives.classes import check_smoothing, expect_tokens, exported_classes, most_likely
from seqnet.objectives.cross_entropy import cross_entropy
from seqnet.objectives.single import at_least_single
from seqnet.options import Dropout
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric


class NextToken:
    """Cross-entropy over a vocabulary.

    label_smoothing: the share of the target spread evenly over the vocabulary in training (Szegedy et al.
    2016, section 7). Raises ConfigurationError for targets that are not tokens.
    """

    judges = (Item.TOKEN, Item.LABEL)
    scores = ("perplexity", "bits", "accuracy")
    axes = (Axis.STEP, Axis.SEQUENCE)

    def __init__(self, targets: Spec, label_smoothing: Dropout = 0.0) -> None:
        self.targets = expect_tokens("tokens", targets)
        self.label_smoothing = check_smoothing(label_smoothing)
        self.out_features = targets.size
        self.class_names: tuple[str, ...] = ()

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed cross-entropy in nats, smoothed in training only. logits: [n vocab]; targets: [n] int64."""
        return self.losses(logits, targets, training).sum()

    def losses(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """What `loss` sums, [n]."""
        return cross_entropy(at_least_single(logits), targets, self.label_smoothing if training else 0.0)

    def mixed_losses(self, logits: Tensor, logs: Tensor, targets: Tensor) -> Tensor:
        """What `loss` sums in training of a mixture, [n]. logits: [n positions vocab]; logs: [n positions], of each."""
        if self.label_smoothing:
            return self.losses(mixture(logits, logs), targets)
        wanted = targets.unsqueeze(1).expand(logs.shape).flatten()
        each = cross_entropy(logits.flatten(0, 1).to(logs.dtype), wanted, 0.0).view(logs.shape)
        return -(logs - each).logsumexp(dim=1)  # of the wanted tokens alone, which is half of the work

    def metrics(self) -> dict[str, Metric]:
        """perplexity, bits (a token) and accuracy."""
        from torchmetrics import MeanMetric
        from torchmetrics.classification import MulticlassAccuracy
        from torchmetrics.metric import CompositionalMetric

        # torchmetrics' own perplexity is infinite from one token on that a softmax in single precision says is 0.
        loss = MeanMetric(nan_strategy="disable").set_dtype(torch.float64)
        return {
            "perplexity": CompositionalMetric(torch.exp, loss, None),
            "bits": CompositionalMetric(torch.div, loss, math.log(2)),
            "accuracy": MulticlassAccuracy(self.targets.size, average="micro", validate_args=False),
        }

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits: [n vocab]; targets: [n]."""
        metrics["perplexity"].update(self.losses(logits, targets, training=False))  # bits read the same sums
        metrics["accuracy"].update(logits.argmax(dim=-1), targets)

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely token and its probability. logits: [... vocab]; returns [...] twice."""
        return most_likely(logits)

    def explain(self, decision: int) -> str:
        """The token."""
        return self.targets.names[decision]

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_classes(self.targets)

    def derived(self, loss: float) -> dict[str, float]:
        """perplexity and bits, unless labels are smoothed: the training loss is not a likelihood then."""
        if self.label_smoothing:
            return {}
        return {"perplexity": math.exp(loss) if loss < 700 else math.inf, "bits": loss / math.log(2)}
