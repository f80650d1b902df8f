"""What accumulates while training, and must survive a crash beside the modules and the position."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
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
    places: int = 0
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
        self.places += report.places
        self.padded += report.padded
        self.seconds += report.seconds

    def report(
        self, step: int, epoch: int, learning_rate: float, derived: Callable[[float], dict[str, float]]
    ) -> TrainingReport:
        """The averages as a row. derived: what follows from a mean loss."""
        loss = self.loss_sum / self.count
        return TrainingReport(
            step=step,
            epoch=epoch,
            scores={"loss": loss, **derived(loss)},
            learning_rate=learning_rate,
            gradient_norm=self.norm_sum / self.steps,
            clipped_share=self.clipped / self.steps,
            padded_share=self.padded / self.places,
            tokens_per_second=self.tokens / max(self.seconds, 1e-9),
        )


@dataclass
class Stopping:
    """The best evaluations so far, and how many there were since the best. keep: how many are remembered."""

    monitor: str
    patience: int | None = None
    keep: int = 1
    best: list[tuple[float, int]] = field(default_factory=list)  # value and step, best first
    waited: int = 0

    def observe(self, value: float, step: int) -> bool:
        """Take in an evaluation; whether it is the best so far. Of equal ones the first counts as better."""
        place = sum(not better(self.monitor, value, known) for known, _ in self.best)  # after those as good
        improved = place == 0 and not math.isnan(value)
        if not math.isnan(value):
            self.best.insert(place, (value, step))
            del self.best[self.keep :]
        self.waited = 0 if improved else self.waited + 1
        return improved

    @property
    def best_steps(self) -> list[int]:
        """The steps of the best evaluations, best first."""
        return [step for _, step in self.best]

    @property
    def stop(self) -> bool:
        """Whether `patience` evaluations in a row brought nothing."""
        return self.patience is not None and self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """What must be saved to go on."""
        return {"best": [list(pair) for pair in self.best], "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.best = [(value, step) for value, step in state["best"]][: self.keep]
        self.waited = state["waited"]


def check_numbers(tree: Any, least: float | None = None) -> None:
    """Raises ValueError where a stored tree holds something else than numbers, or one that is below `least`."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            check_numbers(part, least)
    elif type(tree) not in (int, float) or (least is not None and not least <= tree < 2**53):
        raise ValueError(f"{tree!r:.40} stands where a number{'' if least is None else f' from {least} on'} should")


def check_like(own: Any, stored: Any) -> None:
    """Raises ValueError where a stored tree is of another kind than one's own: other keys, or no (whole) number."""
    if isinstance(own, dict):
        if not isinstance(stored, dict) or stored.keys() != own.keys():
            raise ValueError(f"{stored!r:.40} stands where {', '.join(map(str, own)) or 'nothing'} should")
        for key, value in own.items():
            check_like(value, stored[key])
    elif isinstance(own, list) and own:
        if not isinstance(stored, list) or len(stored) != len(own):
            raise ValueError(f"{stored!r:.40} stands where a list of {len(own)} should")
        for value, part in zip(own, stored, strict=True):
            check_like(value, part)
    elif own is not None and type(stored) not in ((int, float) if type(own) is float else (type(own),)):
        raise ValueError(f"{stored!r:.40} stands where something like {own!r:.40} should")
