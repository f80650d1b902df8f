"""A BIO tag at every step: cross-entropy, judged by entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqnet.errors import ConfigurationError
from seqnet.kinds import BIO, Item
from seqnet.objectives.classes import expect_tokens, exported_classes
from seqnet.objectives.classification import Classification
from seqnet.objectives.crf import BIO as BIO_TAG
from seqnet.objectives.weights import Weights
from seqnet.options import Dropout
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric


class Tags(Classification):
    """Classification of every step, and entity-level F1 over whole rows.

    label_smoothing, weights: as in classification. Raises ConfigurationError for targets that are not BIO tags.
    """

    judges = (Item.LABEL,)
    scores = ("accuracy", "macro_f1", "entity_f1")
    needs = (BIO,)

    def __init__(self, targets: Spec, label_smoothing: Dropout = 0.0, weights: Weights = None) -> None:
        other = [name for name in expect_tokens("tags", targets).names if not BIO_TAG.fullmatch(name)]
        if other:
            raise ConfigurationError(
                f"objective=tags needs BIO tags (O, B-PER, I-PER, ...), but the data has '{other[0]}'; "
                "use objective=classification"
            )
        super().__init__(targets, label_smoothing=label_smoothing, weights=weights)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_classes(self.targets)

    def row_metrics(self) -> dict[str, Metric]:
        """entity_f1."""
        from seqnet.objectives.spans import EntityF1

        return {"entity_f1": EntityF1(self.targets.names)}

    def report(self, horizon: int) -> list[Any]:
        """A row a type of entity, then what is told of the single tags."""
        from seqnet.objectives.spans import spans
        from seqnet.objectives.tables import Entities

        return [Entities(spans), *super().report(horizon)]
