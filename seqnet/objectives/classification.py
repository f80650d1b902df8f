"""One class out of several: cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.batch import UNKNOWN_LABEL
from seqnet.errors import ConfigurationError
from seqnet.kinds import Item
from seqnet.objectives.classes import check_smoothing, expect_tokens, exported_classes, most_likely
from seqnet.objectives.cross_entropy import cross_entropy
from seqnet.objectives.single import at_least_single
from seqnet.objectives.weights import Weights, of_classes
from seqnet.options import Dropout, NotNegative
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric

LARGEST_CONFUSION = 50  # classes; a larger matrix cannot be read


class Classification:
    """Cross-entropy over the classes, or over two classes as binary cross-entropy of one logit.

    one_logit: only for two classes; a positive logit means the second. label_smoothing: the share of the
    target spread evenly over all classes in training (Szegedy et al. 2016, section 7).
    weights: how much each class counts in training: a list in their order, or balanced: by how rare they are there.
    The loss is divided by the weights of the items, as torch's weighted cross-entropy is.
    bias: how much less the logit of training's commonest class counts where one is decided on; chosen: the one with the
    best macro_f1 on the validation split, which is stored with the run. It changes no loss and no probability.
    Raises ConfigurationError for targets that are not classes, for one_logit unless there are two, and for a bias where
    the data does not tell its commonest class, or is to be chosen for more than 50.
    """

    judges: tuple[Item, ...] = (Item.LABEL, Item.TOKEN)
    scores: tuple[str, ...] = ("accuracy", "macro_f1")

    def __init__(
        self,
        targets: Spec,
        one_logit: bool = False,
        label_smoothing: Dropout = 0.0,
        weights: Weights = None,
        bias: NotNegative | Literal["chosen"] = 0.0,
    ) -> None:
        self.targets = expect_tokens("classification", targets)
        if one_logit and targets.size != 2:
            raise ConfigurationError(
                f"objective.one_logit=true needs exactly two classes, but the data has {targets.size}; "
                "use objective.one_logit=false"
            )
        self.one_logit = one_logit
        self.label_smoothing = check_smoothing(label_smoothing)
        self._weights = of_classes(weights, self.targets)
        self.chooses = bias == "chosen"
        self.of_validation = "objective.bias=chosen is chosen" if self.chooses else None
        self.bias = 0.0 if isinstance(bias, str) else bias
        if bias and self.targets.commonest is None:
            raise ConfigurationError(
                f"objective.bias={bias} is off the commonest class, and this data does not tell it: leave it out"
            )
        if self.chooses and targets.size > LARGEST_CONFUSION:
            raise ConfigurationError(
                f"objective.bias=chosen is of at most {LARGEST_CONFUSION} classes, and the data has {targets.size}: "
                "leave it out, or name a number"
            )
        self.out_features = 1 if one_logit else targets.size
        self.class_names = self.targets.names

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed cross-entropy in nats, smoothed and weighted in training only. logits: [n out]; targets: [n] int64."""
        smoothing = self.label_smoothing if training else 0.0
        logits = at_least_single(logits)
        weights = None if self._weights is None or not training else self._weights.to(logits)
        if self.one_logit and weights is None:
            wanted = targets.to(logits.dtype) * (1 - smoothing) + smoothing / 2
            return F.binary_cross_entropy_with_logits(logits.squeeze(-1), wanted, reduction="sum")
        logits = self._of_each(logits)
        if weights is None:
            return cross_entropy(logits, targets, smoothing).sum()
        return F.cross_entropy(logits, targets, weights, reduction="sum", label_smoothing=smoothing)

    def weight_of(self, targets: Tensor, like: Tensor) -> Tensor:
        """How much items of these classes [n] count, [n], 1 where there are no weights. like: of the type wanted."""
        return torch.ones_like(like) if self._weights is None else self._weights.to(like)[targets]

    def weigh(self, targets: Tensor) -> float:
        """What the weights of targets [n] add up to."""
        return len(targets) if self._weights is None else self._weights[targets.cpu()].sum().item()

    def metrics(self) -> dict[str, Metric]:
        """accuracy (micro), macro_f1, and the confusion matrix where there are at most 50 classes.

        baseline_accuracy is that of always answering the commonest class of training, where the data tells it. A class
        that training never saw counts as one more, which is never answered.
        """
        from torchmetrics import classification

        classes = self.targets.size + 1
        if self.chooses:
            return self._at_each_bias(classes)
        metrics: dict[str, Metric] = {
            "accuracy": classification.MulticlassAccuracy(classes, average="micro", validate_args=False),
            "macro_f1": classification.MulticlassF1Score(classes, average="macro", validate_args=False),
        }
        if self.targets.commonest is not None:
            metrics["baseline_accuracy"] = classification.MulticlassAccuracy(
                classes, average="micro", validate_args=False
            )
        if classes <= LARGEST_CONFUSION + 1:
            metrics["confusion"] = classification.MulticlassConfusionMatrix(classes, validate_args=False)
        return metrics

    def _at_each_bias(self, classes: int) -> dict[str, Metric]:
        """The same counted at each bias that may be chosen, and told at the one that is, and that itself."""
        from torchmetrics import classification
        from torchmetrics.metric import CompositionalMetric

        from seqnet.objectives.biased_counts import BiasedClasses, accuracy, macro_f1
        from seqnet.objectives.biases import GRID

        counts = BiasedClasses(classes)
        ways = {
            "accuracy": lambda found: accuracy(found[GRID.index(self.bias)]),
            "macro_f1": lambda found: macro_f1(found[GRID.index(self.bias)]),
            "bias": lambda found: torch.tensor(self.bias),
            "confusion": lambda found: found[GRID.index(self.bias)],
        }
        return {
            **{name: CompositionalMetric(way, counts, None) for name, way in ways.items()},
            "baseline_accuracy": classification.MulticlassAccuracy(classes, average="micro", validate_args=False),
        }

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits: [n out]; targets: [n], UNKNOWN_LABEL for a class never seen."""
        self.count(metrics, self.alternatives(logits), targets)

    def count(self, metrics: dict[str, Metric], decisions: Tensor, targets: Tensor) -> None:
        """Count n items that are decided already. decisions: as of `alternatives`; targets: [n]."""
        targets = targets.where(targets != UNKNOWN_LABEL, self.targets.size)
        if self.chooses:
            metrics["accuracy"].update(decisions, targets)  # the others read the same counts
            metrics = {"baseline_accuracy": metrics["baseline_accuracy"]}
            decisions = decisions[:, 0]
        for name, metric in metrics.items():
            if name == "baseline_accuracy" and self.targets.commonest is not None:
                metric.update(torch.full_like(decisions, self.targets.commonest), targets)
            else:
                metric.update(decisions, targets)

    def alternatives(self, logits: Tensor) -> Tensor:
        """The class that is decided on, [...], where a bias is chosen at each that may be, [... biases]."""
        if not self.chooses:
            return self.decide(logits)[0]
        from seqnet.objectives.biases import GRID

        return self._biased(logits, GRID)

    def _biased(self, logits: Tensor, biases: Sequence[float]) -> Tensor:
        from seqnet.objectives.biases import decisions

        assert self.targets.commonest is not None
        return decisions(self._of_each(logits), self.targets.commonest, biases)

    def _of_each(self, logits: Tensor) -> Tensor:
        """The logits of all classes, [... classes]: of the first of two it is 0 where one stands for both."""
        return torch.cat([torch.zeros_like(logits), logits], dim=-1) if self.one_logit else logits

    def choose(self, metrics: dict[str, Metric]) -> None:
        """Take the bias with the best macro_f1 of what `metrics` counted, where it is to be chosen."""
        if self.chooses:
            self.bias = metrics["accuracy"].metric_a.best()  # type: ignore[union-attr,operator]

    def state(self) -> dict[str, float]:
        """The bias; nothing where none is chosen."""
        return {"bias": self.bias} if self.chooses else {}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises ValueError where it is malformed."""
        if not self.chooses:
            return
        from seqnet.objectives.biases import GRID

        if not isinstance(state, dict) or state.get("bias") not in GRID:
            raise ValueError("the stored bias off the commonest class is none that is chosen")
        self.bias = state["bias"]

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely class, less the bias, and its probability. logits: [... out]; returns [...] twice."""
        if self.bias:
            decision = self._biased(logits, [self.bias]).squeeze(-1)
            return decision, self.probabilities(logits).gather(-1, decision[..., None]).squeeze(-1)
        if not self.one_logit:
            return most_likely(logits)
        logit = logits.squeeze(-1)
        return (logit > 0).long(), logit.abs().sigmoid()

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability of each class, [... classes]. logits: [... out]."""
        if not self.one_logit:
            return logits.softmax(dim=-1)
        second = logits.sigmoid()
        return torch.cat([1 - second, second], dim=-1)

    def explain(self, decision: int) -> str:
        """The name of a class."""
        return self.targets.names[decision]

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_classes(self.targets, self.one_logit, self.bias)

    def report(self, horizon: int) -> list[Any]:
        """A row a class, and which was taken for which."""
        from seqnet.objectives.tables import Classes

        return [Classes(self.class_names)]

    def derived(self, loss: float) -> dict[str, float]:
        """Nothing follows from the mean loss."""
        return {}
