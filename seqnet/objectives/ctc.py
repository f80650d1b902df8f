"""A sequence heard in a longer one: the sum over all ways in which it may lie there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.kinds import Axis, Item
from seqnet.objectives.classes import expect_tokens
from seqnet.objectives.single import at_least_single
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric


class Ctc:
    """-log p(answer | frames), the sum over all alignments (Graves et al. 2006, equation 8).

    A class more than there are tokens, the last one, is the blank: nothing is said here. An answer is what is left of
    a frame's class each, once neighbours that are alike are one and blanks are left out (their equation 2).
    Raises ConfigurationError for targets that are not tokens.
    """

    judges = (Item.TOKEN,)
    scores = ()
    axes = (Axis.SEQUENCE,)
    whole_rows = True

    def __init__(self, targets: Spec) -> None:
        self.targets = expect_tokens("ctc", targets)
        self.out_features = targets.size + 1
        self.class_names: tuple[str, ...] = ()

    @property
    def blank(self) -> int:
        """The class of nothing."""
        return self.targets.size

    def row_losses(self, logits: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Each row's loss in nats, [batch]; 0, without a gradient, where the answer has no room in its frames.

        logits: [batch frame classes]; frames, lengths: [batch], of what is heard and of the answers;
        targets: [batch time] int64, whatever in padding.
        """
        if logits.is_cuda and torch.are_deterministic_algorithms_enabled():
            logits = logits.cpu()  # there is no deterministic kernel on a GPU
        logs = at_least_single(logits).log_softmax(dim=-1).transpose(0, 1)
        answers = targets.to(logs.device).clamp(min=0)
        found = F.ctc_loss(
            logs,
            answers,
            frames.to(logs.device),
            lengths.to(logs.device),
            blank=self.blank,
            reduction="none",
            zero_infinity=True,
        )
        return found.to(targets.device)

    def metrics(self) -> dict[str, Metric]:
        """None: what is written is compared by the task."""
        return {}

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def derived(self, loss: float) -> dict[str, float]:
        """Nothing follows from the mean loss."""
        return {}
