"""What an observer is told when a run starts, and the methods an observer has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from seqnet.batch import Batch, EvaluationReport, Output, Seen, StepReport, TrainingReport
from seqnet.observers.memory_report import MemoryReport


class Embedding(NamedTuple):
    """Vectors that the model learns, and what each stands for."""

    weight: Tensor  # [names size]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Run:
    """A run as it starts or goes on."""

    folder: Path
    config: dict[str, Any]  # resolved and plain
    experiment: str
    model: nn.Module
    loss: Callable[[Output, Batch], Tensor]  # of a window, summed
    example: Batch  # a small window on the model's device
    step: int  # 0, or where the run goes on
    parameters: int
    splits: dict[str, int]  # rows (or tokens) of each split
    device: str
    monitor: str  # the score that says which checkpoint is best
    max_steps: int | None = None
    max_epochs: int | None = None
    max_minutes: float | None = None
    minutes: float = 0.0  # trained before a resume
    resumed: bool = False
    changed: tuple[str, ...] = ()  # what a run does otherwise than the one that it goes on with, a line each
    evaluated: int = -1  # the step of the last evaluation, -1 before the first
    notes: tuple[str, ...] = ()  # what a person should know of the data
    log_file: Path | None = None  # where the console's lines go as well
    reads: tuple[str, ...] = ()  # each input, what it is and what reads it
    asks: str = ""  # the target, and what it is
    rows: int = 0  # of training and validation, told up to `step`
    varied: Mapping[str, Any] = field(
        default_factory=dict
    )  # what a sweep varies and its values here, else what was typed
    swept: bool = False  # it is one of a sweep
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)  # by what they embed
    jump: tuple[float, float] | None = None  # learning rates of the last step and the next, where another limit is why
    tell: Callable[[MemoryReport], None] = lambda report: None  # each observer, by its `on_memory`


class Observer:
    """Reads reports and changes nothing about the run: no weight, no random state, no file of another.

    But it may end training: after an evaluation, as early stopping does, where it `gives_up`.

    `on_step` is called in the training loop: it costs a few microseconds and never waits for the device.
    `on_end` gets what results.json holds: flat scores under "best", "last" and "test" ("step" and "epoch"
    among them), "steps", "seconds", "reason" (why it ended) and "next" (commands to type). `close` is
    called whatever happened, once or twice.
    """

    asks_for_curves = False  # `report.curves`, which cost a little at each evaluation
    gives_up = False  # nothing better is to be hoped for

    def on_start(self, run: Run) -> None:
        """The run starts or goes on."""

    def on_rewind(self, run: Run) -> None:
        """The run went back to `run.step`: what was told of later steps did not happen."""

    def on_step(self, report: StepReport) -> None:
        """An optimiser step was made."""

    def on_scoring(self, split: str, done: int, batches: int) -> None:
        """So many of the batches of a split are scored."""

    def on_training(self, report: TrainingReport) -> None:
        """Training since the last such report."""

    def on_evaluation(self, report: EvaluationReport) -> None:
        """A split was scored."""

    def pictures(self, report: EvaluationReport) -> Sequence[Seen]:
        """What there is to see of this observer beside an evaluation: it stands among `report.pictures` for all."""
        return ()

    def on_memory(self, report: MemoryReport) -> None:
        """What the recurrent layers remember, as the memory panel found; once more where it has drawn it."""

    def on_end(self, results: dict[str, Any]) -> None:
        """The run reached its end."""

    def close(self) -> None:
        """Let go of files and of the terminal."""
