"""Dropout of vectors (Srivastava et al. 2014), also one that is locked for a whole window (Gal and Ghahramani 2016)."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seqnet.draws import dropout, kept, once

NOT_LOCKED = ("locked_dropout", "weight_dropout", "embedding_dropout", "word_dropout")


class Drop(nn.Module):
    """In training 0 with probability `p`, else x / (1 - p); in evaluation x.

    locked: a row has one mask for all steps of a window, so that what is dropped stays away (variational dropout, Gal
    and Ghahramani 2016, section 4). Each place in a model has a module of its own, and so a mask.
    """

    def __init__(self, p: float = 0.0, locked: bool = False) -> None:
        super().__init__()
        self.p = p
        self.locked = locked

    def forward(self, x: Tensor) -> Tensor:
        """x: [batch ... feature]."""
        if not (self.locked and self.training and self.p):
            return dropout(x, self.p, self.training)
        shape = (x.shape[0], *[1] * (x.dim() - 2), x.shape[-1])
        return x * once((self, shape[0], shape[-1]), lambda: kept(shape, self.p, x.dtype, x.device)).view(shape)

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.p:g}{', locked' if self.locked else ''}"


def idle_locked(options: Mapping[str, Any]) -> dict[str, str]:
    """locked_dropout, where none of a model's options is a dropout of what it could lock."""
    found = [key for key in options if (key == "dropout" or key.endswith("_dropout")) and key not in NOT_LOCKED]
    if any(options[key] for key in found):
        return {}
    return {"locked_dropout": f"it locks a mask, and {', '.join(f'model.{key}' for key in found)} are 0"}
