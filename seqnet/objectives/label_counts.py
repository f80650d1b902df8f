"""What is right at each threshold of labels, counted at once."""

import torch
from torch import Tensor
from torchmetrics import Metric

from seqnet.objectives.thresholds import GRID, logit


class LabelCounts(Metric):
    """How often each label was there, and how often not, by the highest threshold of the grid that it was above.

    So what is right is known for every threshold of the grid at once.
    """

    there: Tensor  # [labels thresholds+1]: at k, those above k thresholds
    absent: Tensor

    def __init__(self, labels: int) -> None:
        super().__init__()
        for name in ("there", "absent"):
            self.add_state(name, torch.zeros(labels, len(GRID) + 1, dtype=torch.float64), dist_reduce_fx="sum")
        self.logits = torch.tensor([logit(threshold) for threshold in GRID])

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Count items. logits, targets (0 or 1): [n labels]."""
        above = torch.bucketize(logits.float(), self.logits.to(logits.device))
        wanted = targets.double()
        self.there.scatter_add_(1, above.t(), wanted.t())
        self.absent.scatter_add_(1, above.t(), 1 - wanted.t())

    def compute(self) -> tuple[Tensor, Tensor]:
        """Accuracy over single labels, and F1 averaged over labels, at each threshold, [thresholds] twice."""
        there, absent = self.there.cpu(), self.absent.cpu()  # where sums so far have the same bits every time
        right, wrong = _above(there), _above(absent)
        missed = there.sum(1, keepdim=True) - right
        asked = there.sum() + absent.sum()
        accuracy = 1 - (missed + wrong).sum(0) / asked
        f1 = 2 * right / (2 * right + missed + wrong).clamp(min=1)  # 0 of a label that is neither there nor said to be
        return accuracy, f1.mean(0)

    def best(self) -> float:
        """The threshold with the best F1; of several the nearest to 0.5."""
        _, f1 = self.compute()
        found: list[int] = (f1 == f1.max()).nonzero()[:, 0].tolist()
        return min([GRID[place] for place in found], key=lambda threshold: abs(threshold - 0.5))


def _above(counts: Tensor) -> Tensor:
    """Of counts [labels thresholds+1] how many are above each threshold, [labels thresholds]."""
    return counts.flip(1).cumsum(1).flip(1)[:, 1:]
