"""How well each class is told from the rest, whatever the threshold: counted while a split is scored."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Batch, Output, PrecisionRecall
from seqnet.tasks.evaluator import asked_items
from seqnet.tasks.output_layer import pieces

BINS = 101  # thresholds 0, 0.01 and so on up to 1
MOST = 50  # classes; more curves are not read


def tells_curves(objective: Any) -> bool:
    """Whether an objective tells the probability of each of a few classes, item by item."""
    whole = getattr(objective, "whole_rows", False)
    return hasattr(objective, "probabilities") and not whole and objective.targets.size <= MOST


class ClassCurves:
    """A report on each window that is judged, in memory that does not grow with the split.

    objective: one of which `tells_curves` is true.
    """

    def __init__(self, objective: Any) -> None:
        self._objective = objective
        self._counts: Tensor | None = None  # [classes 2 bins]

    def window(self, output: Output, batch: Batch) -> None:
        """Count what the batch asks."""
        classes = self._objective.targets.size
        for features, targets in pieces(self._objective.out_features, *asked_items(output.features, batch)):
            found = self._objective.probabilities(output.head(features).float())
            if targets.is_floating_point():
                of_it = targets.reshape_as(found) > 0.5
            else:
                of_it = torch.nn.functional.one_hot(targets, classes).bool()
            bins = (found.clamp(0, 1).nan_to_num() * (BINS - 1)).long()
            rows = torch.arange(classes, device=found.device) * 2 + of_it.long()
            counts = (rows * BINS + bins).flatten().bincount(minlength=classes * 2 * BINS)
            self._counts = counts if self._counts is None else self._counts + counts

    def batch(self, batch: Batch, written: Any) -> None:
        """Nothing is written."""

    def counted(self) -> Tensor | None:
        """All that was counted so far, for `merge`."""
        return None if self._counts is None else self._counts.cpu()

    def merge(self, several: Sequence[Tensor | None]) -> None:
        """Have counted what several did, each of which tells it by `counted`, and nothing else."""
        there = [counts for counts in several if counts is not None]
        self._counts = torch.stack(there).sum(0) if there else None

    def curves(self) -> list[PrecisionRecall]:
        """One a class that occurs, in their order."""
        if self._counts is None:
            return []
        targets, counts = self._objective.targets, self._counts.cpu().view(-1, 2, BINS)
        names = targets.names or tuple(map(str, range(targets.size)))
        return [
            PrecisionRecall(name, right, wrong)
            for name, (wrong, right) in zip(names, counts, strict=True)
            if right.any()
        ]
