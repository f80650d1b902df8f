"""A BIO tag at every step: cross-entropy, judged by entities."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from torch import Tensor

from seqnet.errors import ConfigurationError
from seqnet.kinds import BIO, Item
from seqnet.objectives.classes import expect_tokens
from seqnet.objectives.classification import Classification
from seqnet.objectives.weights import Weights
from seqnet.options import Dropout
from seqnet.spaces import Space

if TYPE_CHECKING:
    from torchmetrics import Metric

TAG = re.compile(r"O|[BI]-.+")


class Tags:
    """Classification of every step, and entity-level F1 over whole rows.

    label_smoothing, weights: as in classification. Raises ConfigurationError for targets that are not BIO tags.
    """

    judges = (Item.LABEL,)
    scores = ("accuracy", "macro_f1", "entity_f1")
    needs = (BIO,)

    def __init__(self, targets: Space, label_smoothing: Dropout = 0.0, weights: Weights = None) -> None:
        self.targets = expect_tokens("tags", targets)
        other = [name for name in self.targets.names if not TAG.fullmatch(name)]
        if other:
            raise ConfigurationError(
                f"objective=tags needs BIO tags (O, B-PER, I-PER, ...), but the data has '{other[0]}'; "
                "use objective=classification"
            )
        self._classes = Classification(targets, label_smoothing=label_smoothing, weights=weights)
        self.out_features = targets.size
        self.class_names = self.targets.names

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed cross-entropy in nats, smoothed in training only. logits: [n tags]; targets: [n] int64."""
        return self._classes.loss(logits, targets, training)

    def weigh(self, targets: Tensor) -> float:
        """What the weights of targets [n] add up to."""
        return self._classes.weigh(targets)

    def metrics(self) -> dict[str, Metric]:
        """accuracy and macro_f1 over single tags, and their confusion matrix where there are at most 50."""
        return self._classes.metrics()

    def row_metrics(self) -> dict[str, Metric]:
        """entity_f1."""
        from seqnet.objectives.spans import EntityF1

        return {"entity_f1": EntityF1(self.targets.names)}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits: [n tags]; targets: [n]."""
        self._classes.update(metrics, logits, targets)

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely tag and its probability. logits: [... tags]; returns [...] twice."""
        return self._classes.decide(logits)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability of each tag, [... tags]."""
        return self._classes.probabilities(logits)

    def explain(self, decision: int) -> str:
        """The tag."""
        return self._classes.explain(decision)

    def report(self, horizon: int) -> list[Any]:
        """A row a type of entity, then what is told of the single tags."""
        from seqnet.objectives.spans import spans
        from seqnet.objectives.tables import Entities

        return [Entities(spans), *self._classes.report(horizon)]

    def derived(self, loss: float) -> dict[str, float]:
        """Nothing follows from the mean loss."""
        return {}
