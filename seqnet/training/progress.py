"""What accumulates while training, and must survive a crash beside the modules and the position."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from seqnet.batch import StepReport, TrainingReport
from seqnet.scores import better


@dataclass
class Averages:
    """Sums over the steps since the last training row."""

    loss_sum: float = 0.0
    norm_sum: float = 0.0
    clipped: int = 0
    count: int = 0
    steps: int = 0
    tokens: int = 0
    padded: int = 0
    seconds: float = 0.0

    def add(self, report: StepReport) -> None:
        """Take in one step."""
        self.loss_sum += report.loss_sum
        self.norm_sum += report.gradient_norm
        self.clipped += report.clipped
        self.count += report.count
        self.steps += 1
        self.tokens += report.tokens
        self.padded += report.padded
        self.seconds += report.seconds

    def report(self, last: StepReport, derived: Callable[[float], dict[str, float]]) -> TrainingReport:
        """The averages as a row. derived: what follows from a mean loss."""
        loss = self.loss_sum / self.count
        return TrainingReport(
            step=last.step,
            epoch=last.epoch,
            scores={"loss": loss, **derived(loss)},
            learning_rate=last.learning_rate,
            gradient_norm=self.norm_sum / self.steps,
            clipped_share=self.clipped / self.steps,
            padded_share=self.padded / (self.tokens + self.padded),
            tokens_per_second=self.tokens / max(self.seconds, 1e-9),
        )


@dataclass
class Stopping:
    """The best evaluation so far, and how many there were since."""

    monitor: str
    patience: int | None = None
    best: float | None = None
    best_step: int = 0
    waited: int = 0

    def observe(self, value: float, step: int) -> bool:
        """Take in an evaluation; whether it is the best so far."""
        improved = better(self.monitor, value, self.best)
        if improved:
            self.best, self.best_step, self.waited = value, step, 0
        else:
            self.waited += 1
        return improved

    @property
    def stop(self) -> bool:
        """Whether `patience` evaluations in a row brought nothing."""
        return self.patience is not None and self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """What must be saved to go on."""
        return {key: value for key, value in asdict(self).items() if key not in ("monitor", "patience")}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.best, self.best_step, self.waited = state["best"], state["best_step"], state["waited"]
