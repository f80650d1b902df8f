"""Gradients that are too large are made smaller."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Clipping:
    """Bound the gradient's norm, or each of its values; None leaves it as it is."""

    norm: float | None = None
    value: float | None = None

    def clips(self, norm: float, largest: float = 0.0) -> bool:
        """Whether gradients of that norm and, where `value` bounds it, largest value are too large."""
        return (self.norm is not None and norm > self.norm) or (self.value is not None and largest > self.value)

    def __call__(self, parameters: list[nn.Parameter], norm: Tensor) -> None:
        """Clip in place. norm: the gradient's."""
        if self.norm is not None:
            nn.utils.clip_grads_with_norm_(parameters, self.norm, norm)
        elif self.value is not None:
            nn.utils.clip_grad_value_(parameters, self.value)


UNCLIPPED = Clipping()
