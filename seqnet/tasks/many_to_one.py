"""One answer for a whole row."""

from typing import Any

from torch import Tensor

from seqnet.batch import Batch, Output
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis
from seqnet.tasks.evaluator import Evaluator, Objective, asked_items, decided, likelihoods, training_count
from seqnet.tasks.output_layer import loss_of


class ManyToOne:
    """A target for each row; the model's features are one vector a row, [batch hidden]."""

    target_axis = Axis.ROW
    features = Axis.ROW

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def count(self, batch: Batch) -> int:
        """How many rows are asked. Raises ConfigurationError where the data has a target for every step."""
        if not batch.row_targets:
            raise ConfigurationError(
                "task=many_to_one judges one target a row, but this data has one for every step; use task=many_to_many"
            )
        return batch.num_targets

    def training_count(self, batch: Batch) -> float:
        """What the summed loss of training is divided by: how many are asked, as the objective weighs them."""
        return training_count(self.objective, batch)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The objective's loss summed over the rows that are asked."""
        features, targets = asked_items(output.features, batch)
        return loss_of(self.objective.loss, output.head, features, targets)

    def evaluator(self) -> Evaluator:
        """Metrics, nothing counted yet."""
        return Evaluator(self.objective)

    def predictions(self, output: Output, batch: Batch, probabilities: bool = False) -> list[dict[str, Any]]:
        """For each row what is predicted and its probability (None for numbers), fit for JSON.

        probabilities: those of all classes too.
        """
        pairs = zip(*decided(self.objective, output.head, output.features), strict=True)
        rows = [{"prediction": prediction, "score": score} for prediction, score in pairs]
        if probabilities:
            each = likelihoods(self.objective, output.head, output.features)
            rows = [{**row, "probabilities": one} for row, one in zip(rows, each, strict=True)]
        return rows
