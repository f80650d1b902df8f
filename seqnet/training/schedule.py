"""Learning-rate schedules: pure functions of the step and of the share of training done.

The share comes from the limit that is set (steps, epochs, or minutes where there is nothing else), so a
schedule always ends where the training does.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from seqnet.options import CountFromZero, Share, number, numbers

Factor = Annotated[float, number(above=0, most=1)]
STEEPNESS = 5.0  # of the bent shapes of scheduled sampling


class Schedule(ABC):
    """Linear warm-up over the first `warmup_steps`, then the schedule's own shape."""

    def __init__(self, warmup_steps: CountFromZero = 0) -> None:
        self.warmup_steps = warmup_steps

    def factor(self, step: int, done: float) -> float:
        """What to multiply the learning rate by. step: from 0; done: share of training, 0 to 1."""
        warm = min(1.0, (step + 1) / (self.warmup_steps + 1))
        return warm * self.shape(min(done, 1.0))

    @abstractmethod
    def shape(self, done: float) -> float:
        """The factor without warm-up."""

    def observe(self, improved: bool) -> None:  # noqa: B027  nothing to hear, for most
        """Hear whether an evaluation improved on all before it."""

    def state(self) -> dict[str, Any]:
        """What must be saved to go on."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027  nor to put back
        """The inverse of `state`."""


class Constant(Schedule):
    """The learning rate as given."""

    def shape(self, done: float) -> float:
        """Always 1."""
        return 1.0


class Cosine(Schedule):
    """Half a cosine from 1 down to `final` (Loshchilov & Hutter 2017, without restarts)."""

    def __init__(self, warmup_steps: CountFromZero = 0, final: Share = 0.0) -> None:
        super().__init__(warmup_steps)
        self.final = final

    def shape(self, done: float) -> float:
        """final + (1 - final) (1 + cos(pi done)) / 2."""
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * done))


class Linear(Schedule):
    """A straight line from 1 down to `final`."""

    def __init__(self, warmup_steps: CountFromZero = 0, final: Share = 0.0) -> None:
        super().__init__(warmup_steps)
        self.final = final

    def shape(self, done: float) -> float:
        """1 - (1 - final) done."""
        return 1 - (1 - self.final) * done


class Step(Schedule):
    """Multiply by `factor` each time a milestone (a share of training) is passed."""

    def __init__(
        self,
        warmup_steps: CountFromZero = 0,
        milestones: Annotated[Sequence[float], numbers(least=0, below=1)] = (0.5, 0.75),
        factor: Factor = 0.1,
    ) -> None:
        super().__init__(warmup_steps)
        self.milestones = milestones
        self.drop = factor

    def shape(self, done: float) -> float:
        """factor to the power of the number of milestones passed."""
        return self.drop ** sum(done >= milestone for milestone in self.milestones)


class Plateau(Schedule):
    """Multiply by `factor` after more than `patience` evaluations in a row without a better score."""

    def __init__(self, warmup_steps: CountFromZero = 0, factor: Factor = 0.5, patience: CountFromZero = 2) -> None:
        super().__init__(warmup_steps)
        self.drop = factor
        self.patience = patience
        self.current = 1.0
        self.waited = 0

    def shape(self, done: float) -> float:
        """factor to the power of the number of drops so far."""
        return self.current

    def observe(self, improved: bool) -> None:
        """Count an evaluation without a better score; drop when there were too many."""
        self.waited = 0 if improved else self.waited + 1
        if self.waited > self.patience:
            self.current *= self.drop
            self.waited = 0

    def state(self) -> dict[str, Any]:
        """The factor reached and the evaluations waited."""
        return {"current": self.current, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.current, self.waited = state["current"], state["waited"]


@dataclass(frozen=True)
class ScheduledSampling:
    """How likely a decoder reads its own output in place of the target (Bengio et al. 2015, section 2.4).

    The likelihood grows from 0 to `final` over the training: `linear`ly, `exponential`ly settling or along an
    `inverse_sigmoid`, by the paper's three shapes stretched over the share of training done.
    """

    final: float = 0.0
    shape: str = "linear"

    def share(self, done: float) -> float:
        """The likelihood at a share of training done, 0 to 1."""
        if self.shape == "exponential":
            return self.final * (1 - math.exp(-STEEPNESS * done)) / (1 - math.exp(-STEEPNESS))
        if self.shape == "inverse_sigmoid":
            low, high = _sigmoid(-STEEPNESS), _sigmoid(STEEPNESS)
            return self.final * (_sigmoid(STEEPNESS * (2 * done - 1)) - low) / (high - low)
        return self.final * done


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
