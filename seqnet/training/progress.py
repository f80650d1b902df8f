"""What accumulates while training, and must survive a crash beside the modules and the position."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from seqnet.batch import StepReport, TrainingReport
from seqnet.scores import better


@dataclass
class Averages:
    """Sums over the steps since the last training row."""

    loss_sum: float = 0.0
    norm_sum: float = 0.0
    clipped: int = 0
    count: float = 0
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
        self.places += report.padded_steps
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


class Scored(NamedTuple):
    """What of an evaluation says how good the model is."""

    value: float  # of the monitored score
    loss: float
    step: int


@dataclass
class Stopping:
    """The best evaluations so far, and how many there were since the best. keep: how many are remembered.

    Of two the one with the better score is better, of equal ones that with the lower loss, then the later one: a score
    that stays where it is, as that of a model which gets nothing right yet, would otherwise keep the first.
    """

    monitor: str
    patience: int | None = None
    keep: int = 1
    best: list[Scored] = field(default_factory=list)  # best first
    waited: int = 0  # evaluations since the last that improved on all before it
    differing: int = 0  # evaluations with another score than the best before them
    given_up: bool = False  # for what others reached: a run that goes on is asked anew

    def observe(self, value: float, loss: float, step: int) -> bool:
        """Take in an evaluation; whether it is the best so far, which one with a NaN never is.

        It improved, and nothing is `waited` for, where its score is strictly better than all before; or its loss is,
        while all evaluations gave one and the same score.
        """
        new = Scored(value, loss, step)
        self.waited += 1
        if math.isnan(value) or math.isnan(loss):
            return False
        if self.best:
            self.differing += value != self.best[0].value
        if not self.best or better(self.monitor, value, self.best[0].value):
            self.waited = 0
        elif not self.differing and loss < self.best[0].loss:
            self.waited = 0
        self.best.insert(sum(self.prefers(known, new) for known in self.best), new)
        del self.best[self.keep :]
        return self.best[0] is new

    def prefers(self, one: Scored, other: Scored) -> bool:
        """Whether `one` is better than `other`, whichever was later."""
        if math.isnan(one.loss):
            return False
        return better(self.monitor, one.value, other.value) or (one.value == other.value and one.loss < other.loss)

    @property
    def improved(self) -> bool:
        """Whether the last evaluation improved on all before it."""
        return self.waited == 0

    @property
    def best_steps(self) -> list[int]:
        """The steps of the best evaluations, best first."""
        return [scored.step for scored in self.best]

    @property
    def stop(self) -> bool:
        """Whether `patience` evaluations in a row brought nothing, or it is given up."""
        return self.given_up or self.patience is not None and self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """What must be saved to go on."""
        return {
            "best": [[scored.value, scored.step] for scored in self.best],
            "losses": [scored.loss for scored in self.best],
            "waited": self.waited,
            "differing": self.differing,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises ValueError where it holds no numbers, or steps that are none.

        What a checkpoint of an earlier seqnet lacks is taken so that scores decide, and of equal ones the later.
        """
        pairs = state["best"]
        losses = state.get("losses", [math.inf] * len(pairs))
        best = [Scored(value, loss, step) for (value, step), loss in zip(pairs, losses, strict=True)]
        waited, differing = state["waited"], state.get("differing", 1)
        check_numbers([[scored.value, scored.loss] for scored in best])
        check_numbers([waited, differing, [scored.step for scored in best]], 0)
        self.best, self.waited, self.differing = best[: self.keep], waited, differing


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
