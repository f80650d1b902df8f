"""Score a model on one split, without touching what training depends on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seqnet.batch import UNKNOWN_LABEL, Batch, Output
from seqnet.state import State, detach
from seqnet.training.pieces import Loader
from seqnet.training.precision import Precision
from seqnet.training.ranks import ALONE, Ranks
from seqnet.training.trainer import enter


class Abandoned(Exception):
    """An evaluation was given up, because the run is asked to stop with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Evaluator(Protocol):
    """Metrics that are updated batch by batch.

    One with `counted`, which tells all that it counted, and `merge`, which takes that of several in its place, is
    shared out among ranks; without these each rank counts all of it.
    """

    class_names: tuple[str, ...]

    def update(self, output: Output, batch: Batch) -> float: ...
    def compute(self) -> dict[str, float]: ...
    def confusion(self) -> Tensor | None: ...


class Report(Protocol):
    """What looks at each window that is judged, and at each batch; to be shared out as an `Evaluator` is."""

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

    To be consumed under `evaluating`; where gradients are kept, they end at a window's border. batches: how many to
    look at, None = all.
    """
    state: State = None
    for batch in islice(loader.batches(0), batches):
        for output, moved, piece in _read(model, batch, state, precision, window):
            state = detach(output.state)
            yield output, moved, piece


def _read(
    model: nn.Module, batch: Batch, state: State, precision: Precision, window: int | None
) -> Iterator[tuple[Output, Batch, Batch]]:
    """The windows of one batch, of `outputs`."""
    for piece in batch.windows(window):
        moved = precision.moved(piece)
        with precision.autocast():
            output = model(moved, enter(model, state, piece, moved))
        state = detach(output.state)
        yield output, moved, piece


def evaluate(
    model: nn.Module,
    task: JudgingTask,
    loader: Loader,
    precision: Precision,
    window: int | None = None,
    batches: int | None = None,
    write: Callable[[int, Batch], Any] | None = None,
    go_on: Callable[[], None] = lambda: None,
    choose: bool = False,
    report: Report | None = None,
    ranks: Ranks = ALONE,
    learn: Callable[[Batch, State], None] | None = None,
) -> tuple[dict[str, float], Evaluator]:
    """Loss (nats a judged item) and metrics of a split, and the evaluator that counted them.

    write: what the model writes freely for the batch of that number, for the evaluator's `written`; None = only windows
    are judged. go_on: called before each window and each writing; what it raises ends the evaluation. choose: the
    evaluator chooses first what is decided by, from what it counted. report: is shown all of it. ranks: call this
    together; each counts its share, and is given the scores of all of it. Where one gives up, all raise Abandoned.
    learn: is handed each window, on the device, once it has been scored, and the state that it began with.
    """
    evaluator = task.evaluator()
    counts = [evaluator] if report is None else [evaluator, report]
    share = ranks if all(hasattr(one, "merge") for one in counts) else ALONE
    sums: list[tuple[int, int, float, int]] = []  # of each window: its batch, its number, the loss, what was asked
    state: State = None
    given_up = 0
    try:
        with evaluating(model), torch.inference_mode(learn is None), torch.no_grad():
            for number, whole in enumerate(islice(loader.batches(0), batches)):
                go_on()
                batch = _share(whole, number, share)
                if batch is None:
                    continue
                for index, (output, moved, piece) in enumerate(_read(model, batch, state, precision, window)):
                    go_on()
                    before, state = state, output.state
                    asked = task.count(piece)
                    if not asked and not (piece.targets == UNKNOWN_LABEL).any():
                        continue
                    with precision.autocast():
                        sums.append((number, index, evaluator.update(output, moved), asked))
                        if report is not None:
                            report.window(output, moved)
                    if learn is not None:
                        learn(moved, enter(model, before, piece, moved))
                go_on()
                found = None
                if write is not None:
                    found, batch = write(number, batch), batch.told()
                    evaluator.written(found, batch)
                if report is not None:
                    report.batch(batch, found)
    except Abandoned as error:
        if ranks.count == 1:
            raise
        given_up = error.code
    if ranks.count > 1:
        sums = _merged(counts, sums, given_up, ranks, share)
    if choose and hasattr(evaluator, "choose"):
        evaluator.choose()
    total, count = sum(loss for _, _, loss, _ in sums), sum(asked for *_, asked in sums)
    return ranks.tell({"loss": total / count if count else float("nan"), **evaluator.compute()}), evaluator


def _share(batch: Batch, number: int, ranks: Ranks) -> Batch | None:
    """What of a batch this rank looks at: of batches one after the other all, of running text its lanes in each."""
    if ranks.count == 1:
        return batch
    if batch.starts is None:
        return batch if number % ranks.count == ranks.rank else None
    rows = ranks.share(batch.size)
    return batch.rows(rows) if rows.stop > rows.start else None


def _merged(
    counts: list[Any], sums: list[tuple[int, int, float, int]], given_up: int, ranks: Ranks, share: Ranks
) -> list[tuple[int, int, float, int]]:
    """The sums of all ranks in the order of their windows; each of `counts` has counted them all, then.

    Raises Abandoned where one gave up.
    """
    shared = share.count > 1 and not given_up
    told = ranks.gather((given_up, sums, [one.counted() if shared else None for one in counts]))
    if any(code for code, _, _ in told):
        raise Abandoned(next(code for code, _, _ in told if code))
    if not shared:
        return sums
    for one, several in zip(counts, zip(*(each for _, _, each in told), strict=True), strict=True):
        one.merge(several)
    return sorted(each for _, part, _ in told for each in part)
