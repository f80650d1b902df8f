"""A sequence is read whole, and another is written."""

from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Batch, Output
from seqnet.errors import ConfigurationError
from seqnet.tasks.judge import Objective, asked_items, items_asked


def chosen_loss(losses: Tensor, output: Output) -> Tensor:
    """What the choices of a hard attention are taught by: 0, with the gradient of REINFORCE (Williams 1992).

    losses: [batch time] in nats, 0 where nothing is asked. A choice answers for the loss of its own step, and for
    those of later ones where it `reaches` them; the learnt baseline is subtracted and taught by its squared error.
    """
    assert output.log_probability is not None and output.baseline is not None
    costs = losses.detach()
    asked = costs != 0
    if output.reaches:
        costs = costs.flip(1).cumsum(1).flip(1)
    advantage = costs - output.baseline.detach()
    error = 0.5 * (output.baseline - costs) ** 2
    total = ((advantage * output.log_probability + error) * asked).sum()
    return total - total.detach()


class SequenceToSequence:
    """A token at each step of a row, each after those before it; the model's features are [batch time hidden]."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def count(self, batch: Batch) -> int:
        """How many steps are asked. Raises ConfigurationError where the data has one target for a whole row."""
        if batch.row_targets:
            raise ConfigurationError(
                "task=seq2seq writes a sequence, but this data has one target for a whole row; use task=many_to_one"
            )
        return batch.size * batch.time if batch.dense else int(items_asked(batch.targets, 2).count_nonzero())

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The objective's loss summed over the steps that are asked; a hard attention's choices are taught by it."""
        features, targets = asked_items(output.features, batch, 2)
        logits = output.head(features)
        if output.log_probability is None:
            return self.objective.loss(logits, targets)
        losses = self.objective.losses(logits, targets)
        by_step = losses.new_zeros(batch.size, batch.time)
        by_step[items_asked(batch.targets, 2)] = losses.detach()
        return losses.sum() + chosen_loss(by_step, output)
