"""A BIO tag at every step: cross-entropy, judged by entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from seqnet.errors import ConfigurationError
from seqnet.kinds import BIO, Item
from seqnet.objectives.classes import expect_tokens, exported_classes
from seqnet.objectives.classification import Classification
from seqnet.objectives.crf import BIO as BIO_TAG
from seqnet.objectives.weights import Weights
from seqnet.options import Dropout, NotNegative
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric


class Tags(Classification):
    """Classification of every step, and entity-level F1 over whole rows.

    label_smoothing, weights, bias: as in classification; a bias is chosen by entity_f1. Raises ConfigurationError for
    targets that are not BIO tags.
    """

    judges = (Item.LABEL,)
    scores = ("accuracy", "macro_f1", "entity_f1")
    needs = (BIO,)

    def __init__(
        self,
        targets: Spec,
        label_smoothing: Dropout = 0.0,
        weights: Weights = None,
        bias: NotNegative | Literal["chosen"] = 0.0,
    ) -> None:
        other = [name for name in expect_tokens("tags", targets).names if not BIO_TAG.fullmatch(name)]
        if other:
            raise ConfigurationError(
                f"objective=tags needs BIO tags (O, B-PER, I-PER, ...), but the data has '{other[0]}'; "
                "use objective=classification"
            )
        super().__init__(targets, label_smoothing=label_smoothing, weights=weights, bias=bias)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_classes(self.targets, bias=self.bias)

    def row_metrics(self) -> dict[str, Metric]:
        """entity_f1."""
        from seqnet.objectives.spans import EntityF1

        if self.chooses:
            return {"entity_f1": self._entities_at_each_bias()}
        return {"entity_f1": EntityF1(self.targets.names)}

    def _entities_at_each_bias(self) -> Metric:
        from torchmetrics.metric import CompositionalMetric

        from seqnet.objectives.biased_counts import BiasedEntities
        from seqnet.objectives.biases import GRID

        return CompositionalMetric(lambda found: found[GRID.index(self.bias)], BiasedEntities(self.targets.names), None)

    def choose(self, metrics: dict[str, Metric]) -> None:
        """Take the bias with the best entity_f1 of what `metrics` counted, where it is to be chosen."""
        if self.chooses:
            self.bias = metrics["entity_f1"].metric_a.best()  # type: ignore[union-attr,operator]

    def report(self, horizon: int) -> list[Any]:
        """A row a type of entity, then what is told of the single tags."""
        from seqnet.objectives.spans import spans
        from seqnet.objectives.tables import Entities

        return [Entities(spans), *super().report(horizon)]
