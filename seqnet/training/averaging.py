"""Averages of a model's weights: over the steps of training, and over its best checkpoints."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """An exponential moving average of the weights (Polyak & Juditsky 1992): a <- d a + (1 - d) w after each step.

    d is the smaller of `decay` and (1 + step) / (10 + step), so that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._names = [name for name, _ in model.named_parameters()]
        self._weights = [parameter.detach() for parameter in model.parameters()]
        self._average = [weight.clone() for weight in self._weights]

    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self._average, self._weights, None)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averaged weights inside, and its own again after."""
        own = [weight.clone() for weight in self._weights]
        self._fill(self._weights, self._average)
        try:
            yield
        finally:
            self._fill(self._weights, own)

    def state(self) -> dict[str, Tensor]:
        """The averaged weights by name."""
        return dict(zip(self._names, self._average, strict=True))

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `state`. Raises KeyError."""
        self._fill(self._average, [state[name] for name in self._names])

    @staticmethod
    def _fill(these: Sequence[Tensor], others: Sequence[Tensor]) -> None:
        for this, other in zip(these, others, strict=True):
            this.copy_(other)


def mean(several: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights of several checkpoints, by name; summed in double precision."""
    return {
        name: torch.stack([weights[name].double() for weights in several]).mean(0).to(first.dtype)
        for name, first in several[0].items()
    }
