"""An answer at every step."""

from typing import Any

import torch
from torch import Tensor

from seqnet.batch import UNITS, Batch, Output
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis
from seqnet.tasks.evaluator import (
    Evaluator,
    Objective,
    asked_items,
    asked_lengths,
    decided,
    likelihoods,
    training_count,
)
from seqnet.tasks.output_layer import loss_of


class ManyToMany:
    """A target for each step of a row; the model's features are one vector a step, [batch time hidden]."""

    target_axis = Axis.STEP
    features = Axis.STEP
    whole_rows = True  # of an objective that asks for them, the output layer is handed whole rows

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._by_row = getattr(objective, "whole_rows", False)

    def count(self, batch: Batch) -> int:
        """How many steps are asked. Raises ConfigurationError where the data has one target for a whole row."""
        if batch.row_targets:
            raise ConfigurationError(
                "task=many_to_many judges a target at every step, but this data has one for a whole row; "
                "use task=many_to_one"
            )
        return batch.num_targets

    def training_count(self, batch: Batch) -> float:
        """What the summed loss of training is divided by: how many are asked, as the objective weighs them."""
        return training_count(self.objective, batch)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The objective's loss summed over the steps that are asked."""
        features, targets = asked_items(output.features, batch)
        if self._by_row:
            total: Tensor = output.head.row_losses(features, targets, asked_lengths(batch)).sum()  # type: ignore[attr-defined]
            return total
        return loss_of(self.objective.loss, output.head, features, targets)

    def evaluator(self) -> Evaluator:
        """Metrics, nothing counted yet."""
        return Evaluator(self.objective)

    def predictions(self, output: Output, batch: Batch, probabilities: bool = False) -> list[dict[str, Any]]:
        """For each row a list over its own steps: what is predicted, and its probability (None for numbers).

        probabilities: those of all classes too.
        """
        lengths = batch.lengths.tolist()
        inside = torch.arange(batch.time, device=batch.lengths.device) < batch.lengths[:, None]
        units = batch.views.get(UNITS)
        predictions, scores = decided(
            self.objective,
            output.head,
            output.features[inside],
            None if units is None else units[inside],
            batch.lengths if self._by_row else None,
        )
        told = {"prediction": predictions, "score": scores}
        if probabilities:
            told["probabilities"] = likelihoods(self.objective, output.head, output.features[inside])
        rows, begin = [], 0
        for length in lengths:
            end = begin + length
            rows.append({name: values[begin:end] for name, values in told.items()})
            begin = end
        return rows
