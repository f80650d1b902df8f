"""What a loss may add for what a recurrence puts out, so that it stays small and changes slowly."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from seqnet.batch import Batch, Output
from seqnet.objectives.single import at_least_single


@dataclass(frozen=True)
class ActivationRegularisation:
    """level * mean (m h_t)^2 + change * mean (h_t - h_{t-1})^2 (Merity, McCann and Socher 2017, section 3.1).

    h is what a model puts out at a step, m its dropout. The means are over numbers, and over the steps that are asked;
    of the second those of a window whose step before is in it too.
    """

    level: float = 0.0
    change: float = 0.0

    def counts(self, windows: Iterable[Batch]) -> tuple[int, int]:
        """Over how many steps, and how many changes, the means are."""
        steps = changes = 0
        for window in windows:
            steps += window.num_targets
            changes += window.size * (window.time - 1) if window.dense else int(window.target_mask()[:, 1:].sum())
        return steps, changes

    def __call__(self, output: Output, window: Batch, counts: tuple[int, int]) -> Tensor:
        """A window's part of it. counts: of all windows that it is one of."""
        before = output.undropped
        assert before is not None
        mask = None if window.dense else window.target_mask()
        steps, changes = counts
        found = torch.zeros((), device=before.device)
        if self.level:
            after = output.features[..., : before.shape[-1]]  # behind them may stand what the output layer reads too
            found = found + self.level * _summed(after, mask) / steps
        if self.change and changes:
            change = before[:, 1:] - before[:, :-1]
            found = found + self.change * _summed(change, None if mask is None else mask[:, 1:]) / changes
        return found


def _summed(values: Tensor, mask: Tensor | None) -> Tensor:
    """The sum over the steps of mask [batch time] of the mean square of values [batch time feature]."""
    squares = at_least_single(values).square().mean(-1)
    return (squares if mask is None else squares * mask).sum()
