"""The most likely token at every step."""

import torch
from torch import Tensor


class Greedy:
    """Always the largest logit; of equal ones the first."""

    def choose(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Token ids [batch] of logits [batch vocab]; nothing is drawn from the generator."""
        return logits.argmax(dim=-1)
