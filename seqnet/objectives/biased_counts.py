"""What is right at each bias off the commonest class, counted at once."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from seqnet.objectives.biases import GRID
from seqnet.objectives.spans import right_of


class BiasedClasses(Metric):
    """Which class was taken for which, at each bias of the grid."""

    counts: Tensor  # [biases true predicted]

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.add_state("counts", torch.zeros(len(GRID), classes, classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, decided: Tensor, targets: Tensor) -> None:
        """Count items. decided: [n biases]; targets: [n]."""
        classes = self.counts.shape[1]
        bias = torch.arange(len(GRID), device=decided.device)
        places = (bias * classes + targets[:, None]) * classes + decided
        self.counts += places.flatten().bincount(minlength=self.counts.numel()).view_as(self.counts)

    def compute(self) -> Tensor:
        """The counts."""
        return self.counts

    def best(self) -> float:
        """The bias with the best macro_f1; of several the least."""
        return GRID[max(range(len(GRID)), key=lambda place: float(macro_f1(self.counts[place])))]


def accuracy(counts: Tensor) -> Tensor:
    """The share of items that are right. counts: [true predicted]."""
    return counts.diagonal().sum() / counts.sum()


def macro_f1(counts: Tensor) -> Tensor:
    """F1 averaged over the classes that are asked or answered. counts: [true predicted]."""
    both = counts.sum(0) + counts.sum(1)
    return (2 * counts.diagonal() / both)[both > 0].mean()


class BiasedEntities(Metric):
    """How many entities were right, predicted and true, at each bias of the grid. names: the tag of each id."""

    counts: Tensor  # [biases 3]

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = names
        self.add_state("counts", torch.zeros(len(GRID), 3, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, decided: Sequence[Sequence[Sequence[int]]], targets: Sequence[Sequence[int]]) -> None:
        """Count whole rows, each a sequence of steps with a tag at each bias, and of wanted tags."""
        for row, wanted in zip(decided, targets, strict=True):
            if row:
                at_each = list(zip(*row, strict=True))
                told = {tags: right_of(tags, wanted, self.names) for tags in set(at_each)}  # most biases say the same
                self.counts += self.counts.new_tensor([told[tags] for tags in at_each])

    def compute(self) -> Tensor:
        """F1 over entities at each bias, [biases]; 0 where there are none at all."""
        return 2 * self.counts[:, 0] / self.counts[:, 1:].sum(1).clamp(min=1)

    def best(self) -> float:
        """The bias with the best F1; of several the least."""
        return GRID[int(self.compute().argmax())]
