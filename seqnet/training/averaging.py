"""Averages of a model's weights: over the steps of training, and over its best checkpoints."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from seqnet.scores import better
from seqnet.training.progress import check_like, check_numbers


class WeightAverage(ABC):
    """An average of the weights over steps of training, which is scored and used in their place once it has begun."""

    def __init__(self, model: nn.Module) -> None:
        self._names = [name for name, _ in model.named_parameters()]
        self._weights = [parameter.detach() for parameter in model.parameters()]
        self._average: list[Tensor] = []

    @abstractmethod
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""

    def observe(self, value: float) -> bool:
        """Hear the monitored score of an evaluation; whether it begins with it."""
        return False

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averaged weights inside, where they are begun, and its own again after."""
        if not self._average:
            yield
            return
        own = [weight.clone() for weight in self._weights]
        _fill(self._weights, self._average)
        try:
            yield
        finally:
            _fill(self._weights, own)

    def weights(self) -> dict[str, Tensor]:
        """The averaged weights by name; none where it has not begun."""
        return dict(zip(self._names, self._average, strict=False))

    def state(self) -> dict[str, Any]:
        """What must be saved beside them to go on."""
        return {}

    def restore(self, weights: Mapping[str, Tensor], state: Any) -> None:
        """The inverse of `weights` and `state`. Raises KeyError, and ValueError where the state is malformed."""
        self._average = [torch.empty_like(weight) for weight in self._weights] if weights else []
        _fill(self._average, [weights[name] for name in self._names] if weights else [])

    def _begin(self) -> None:
        """Begin with the weights as they are."""
        self._average = [weight.clone() for weight in self._weights]


class MovingAverage(WeightAverage):
    """An exponential moving average of the weights (Polyak & Juditsky 1992): a <- d a + (1 - d) w after each step.

    d is the smaller of `decay` and (1 + step) / (10 + step), so that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model)
        self.decay = decay
        self._begin()

    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self._average, self._weights, None)

    def restore(self, weights: Mapping[str, Tensor], state: Any) -> None:
        """The inverse of `weights`. Raises KeyError, and ValueError where there is a state."""
        check_like(self.state(), state)
        super().restore({name: weights[name] for name in self._names}, state)


class TriggeredAverage(WeightAverage):
    """The mean of the weights since a non-monotone trigger (NT-ASGD: Merity et al. 2018, algorithm 1).

    It begins with the first evaluation that is worse than the best of those that lie more than `after` evaluations
    back. monitor: the score that says which is worse. An evaluation whose score is NaN is not heard.
    """

    def __init__(self, model: nn.Module, after: int, monitor: str) -> None:
        super().__init__(model)
        self.after, self.monitor = after, monitor
        self.recent: list[float] = []  # the last `after` scores
        self.best: float | None = None  # of those before them
        self.count = 0  # how many weights it is the mean of

    def update(self, step: int) -> None:
        """Take in the weights, once it has begun: a <- a + (w - a) / count."""
        if self.count:
            self.count += 1
            torch._foreach_lerp_(self._average, self._weights, 1 / self.count)

    def observe(self, value: float) -> bool:
        """Hear the monitored score of an evaluation; whether it begins with it."""
        if self.count or math.isnan(value):
            return False
        if self.best is not None and better(self.monitor, self.best, value):
            self._begin()
            self.count = 1
        self.recent.append(value)
        if len(self.recent) > self.after:
            oldest = self.recent.pop(0)
            if self.best is None or better(self.monitor, oldest, self.best):
                self.best = oldest
        return self.count == 1

    def state(self) -> dict[str, Any]:
        """The scores that may still decide, and of how many weights it is the mean."""
        return {"recent": [*self.recent], "best": self.best, "count": self.count}

    def restore(self, weights: Mapping[str, Tensor], state: Any) -> None:
        """The inverse of `weights` and `state`. Raises KeyError, and ValueError where the state is malformed."""
        recent, best, count = state["recent"], state["best"], state["count"]
        check_like({"best": None if best is None else 0.0, "count": 0}, {"best": best, "count": count})
        check_numbers([recent, count], None)
        if not isinstance(recent, list) or len(recent) > self.after or count < 0 or bool(count) != bool(weights):
            raise ValueError("the state of the averaged weights is not theirs")
        super().restore(weights, state)
        self.recent, self.best, self.count = [*recent], best, count


def _fill(these: Sequence[Tensor], others: Sequence[Tensor]) -> None:
    for this, other in zip(these, others, strict=True):
        this.copy_(other)


def mean(several: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights of several checkpoints, by name; summed in double precision."""
    return {
        name: torch.stack([weights[name].double() for weights in several]).mean(0).to(first.dtype)
        for name, first in several[0].items()
    }
