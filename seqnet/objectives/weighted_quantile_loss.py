"""How far quantiles are from what came, in one number that has no unit (Salinas et al. 2020, section 4)."""

import torch
from torch import Tensor
from torchmetrics import Metric

from seqnet.objectives.bands import Levels, pinball


class WeightedQuantileLoss(Metric):
    """Twice the pinball loss, averaged over levels, over the sum of what is wanted, without sign.

    Of one value for all levels it is the sum of absolute errors over that of absolute values. NaN where all is 0.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    total: Tensor
    size: Tensor

    def __init__(self) -> None:
        super().__init__()
        for state in ("total", "size"):
            self.add_state(state, default=torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, levels: Levels, wanted: Tensor) -> None:
        """Count n items. wanted: [n size]."""
        wanted = wanted.double()
        losses = [pinball(level, found.double(), wanted).sum() for level, found in levels.items()]
        self.total += 2 * torch.stack(losses).mean()
        self.size += wanted.abs().sum()

    def compute(self) -> Tensor:
        """A share: 0 is perfect."""
        return self.total / self.size
