"""Score a model on one split, without touching what training depends on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seqnet.batch import UNKNOWN_LABEL, Batch, Output
from seqnet.state import State
from seqnet.training.pieces import Loader
from seqnet.training.precision import Precision
from seqnet.training.trainer import enter


class Evaluator(Protocol):
    """Metrics that are updated batch by batch."""

    class_names: tuple[str, ...]

    def update(self, output: Output, batch: Batch) -> float: ...
    def compute(self) -> dict[str, float]: ...
    def confusion(self) -> Tensor | None: ...


class Report(Protocol):
    """What looks at each window that is judged, and at each batch."""

    def window(self, output: Output, batch: Batch) -> None: ...
    def batch(self, batch: Batch, written: Any) -> None: ...


class JudgingTask(Protocol):
    """What evaluation asks of a task."""

    def count(self, batch: Batch) -> int: ...
    def evaluator(self) -> Any: ...


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; the model's mode is put back after."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def outputs(
    model: nn.Module, loader: Loader, precision: Precision, window: int | None, batches: int | None = None
) -> Iterator[tuple[Output, Batch, Batch]]:
    """The model's output for every window of a split: (output, window on the device, window as read).

    To be consumed under `evaluating`. batches: how many to look at, None = all.
    """
    state: State = None
    for batch in islice(loader.batches(0), batches):
        for output, moved, piece in _read(model, batch, state, precision, window):
            state = output.state
            yield output, moved, piece


def _read(
    model: nn.Module, batch: Batch, state: State, precision: Precision, window: int | None
) -> Iterator[tuple[Output, Batch, Batch]]:
    """The windows of one batch, of `outputs`."""
    for piece in batch.windows(window):
        moved = precision.moved(piece)
        with precision.autocast():
            output = model(moved, enter(model, state, piece, moved))
        state = output.state
        yield output, moved, piece


def evaluate(
    model: nn.Module,
    task: JudgingTask,
    loader: Loader,
    precision: Precision,
    window: int | None = None,
    batches: int | None = None,
    write: Callable[[Batch], Any] | None = None,
    go_on: Callable[[], None] = lambda: None,
    choose: bool = False,
    report: Report | None = None,
) -> tuple[dict[str, float], Evaluator]:
    """Loss (nats a judged item) and metrics of a split, and the evaluator that counted them.

    write: what the model writes freely for a whole batch, for the evaluator's `written`; None = only windows are
    judged. go_on: called before each window and each writing; what it raises ends the evaluation. choose: the evaluator
    chooses first what is decided by, from what it counted. report: is shown all of it.
    """
    evaluator = task.evaluator()
    total, count = 0.0, 0
    state: State = None
    with evaluating(model):
        for batch in islice(loader.batches(0), batches):
            go_on()
            for output, moved, piece in _read(model, batch, state, precision, window):
                go_on()
                state = output.state
                asked = task.count(piece)
                if not asked and not (piece.targets == UNKNOWN_LABEL).any():
                    continue
                with precision.autocast():
                    total += evaluator.update(output, moved)
                    if report is not None:
                        report.window(output, moved)
                count += asked
            go_on()
            found = None if write is None else write(batch)
            if write is not None:
                evaluator.written(found, batch)
            if report is not None:
                report.batch(batch, found)
    if choose and hasattr(evaluator, "choose"):
        evaluator.choose()
    return {"loss": total / count if count else float("nan"), **evaluator.compute()}, evaluator
