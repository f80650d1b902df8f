"""Answers that are given at each of several positions, and mixed by how likely each position is.

log p(v) = log sum_s a_s p(v | s) (Wu et al. 2018, equation 5), over the positions s of one query.
"""

import torch
from torch import Tensor

from seqnet.linear import Linear


def mixture(logits: Tensor, logs: Tensor) -> Tensor:
    """Log-probabilities [... vocab] of the mixture. logits: [... positions vocab]; logs: [... positions], of each.

    A position with a log-probability of minus infinity adds nothing, whatever finite logits it has.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return (logits + (logs - logits.logsumexp(dim=-1)).unsqueeze(-1)).logsumexp(dim=-2)


NEVER = -1000.0
"""Stands for minus infinity among features, which are finite: e to the power of it is 0 in any precision."""


def packed(features: Tensor, logs: Tensor) -> Tensor:
    """Features [... positions feature] with the log-probability of each position behind them, as one tensor."""
    return torch.cat([features, logs.clamp(min=NEVER).unsqueeze(-1)], dim=-1)


def unpacked(features: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse of `packed`: [... positions feature] and [... positions]."""
    logs = features[..., -1]
    return features[..., :-1], logs.masked_fill(logs <= NEVER, -torch.inf)


class MixtureLayer(Linear):
    """A linear output layer that also gives the log-probabilities of a mixture, of `packed` features."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [... in], which gives logits; or [... positions in+1], which gives log-probabilities. [... out]"""
        if x.shape[-1] == self.in_features:
            return super().forward(x)
        features, logs = unpacked(x)
        return mixture(super().forward(features), logs)
