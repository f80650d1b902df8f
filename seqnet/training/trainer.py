"""The one loop: windows of batches in, a report for every optimiser step out."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from seqnet.batch import Batch, Output, StepReport
from seqnet.errors import NonFiniteError
from seqnet.state import State, detach, leaves
from seqnet.training.precision import Precision
from seqnet.training.schedule import Schedule, ScheduledSampling


class Model(Protocol):
    """What the loop asks of a model, beside being an nn.Module."""

    def __call__(self, window: Batch, state: State) -> Output: ...
    def reset(self, state: State, starts: Tensor) -> State: ...
    def initial_state(self, batch_size: int) -> State: ...


class Task(Protocol):
    """What the loop asks of a task."""

    def count(self, batch: Batch) -> int: ...
    def loss(self, output: Output, batch: Batch) -> Tensor: ...


class Loader(Protocol):
    """Batches as a pure function of (data, seed, epoch, number)."""

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]: ...
    def num_batches(self, epoch: int) -> int: ...


@dataclass(frozen=True)
class Limits:
    """When training ends: at the first of these that is reached."""

    max_steps: int | None = None
    max_epochs: int | None = None
    max_minutes: float | None = None

    def done(self, step: int, epochs: float, minutes: float) -> float:
        """Share of training done, 0 to 1; minutes count only where nothing else is set (see Schedule)."""
        shares = []
        if self.max_steps is not None:
            shares.append(step / self.max_steps)
        if self.max_epochs is not None:
            shares.append(epochs / self.max_epochs)
        if not shares and self.max_minutes is not None:
            shares.append(minutes / self.max_minutes)
        return max(shares, default=0.0)

    def reached(self, step: int, epoch: int, minutes: float) -> bool:
        """Whether training is over."""
        pairs = ((step, self.max_steps), (epoch, self.max_epochs), (minutes, self.max_minutes))
        return any(limit is not None and value >= limit for value, limit in pairs)


@dataclass
class Position:
    """Where training stands: `batch` and `window` are the next to be read in `epoch`."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    window: int = 0
    share: float = 0.0  # of the epoch that is done
    skipped: int = 0  # steps left out because of a non-finite value
    seconds: float = 0.0  # since the start, evaluation included, summed over resumes


@dataclass(frozen=True)
class Clipping:
    """Bound the gradient's norm, or each of its values; None leaves it as it is."""

    norm: float | None = None
    value: float | None = None

    def __call__(self, parameters: list[nn.Parameter]) -> tuple[float, bool]:
        """Clip in place; the norm before clipping, and whether anything was clipped."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if self.norm is not None:
            nn.utils.clip_grads_with_norm_(parameters, self.norm, norm)
            return (value := norm.item()), value > self.norm
        if self.value is not None:
            largest = nn.utils.get_total_norm(gradients, norm_type=math.inf)
            nn.utils.clip_grad_value_(parameters, self.value)
            return norm.item(), largest.item() > self.value
        return norm.item(), False


@dataclass(frozen=True)
class _Piece:
    """A window and where the one after it is to be found."""

    window: Batch
    count: int
    batch: int
    number: int
    share: float  # of the epoch that is done with it


class Trainer:
    """Truncated back-propagation through time over any model, task and data.

    `steps()` is a generator that yields a report after each optimiser step: it neither logs nor saves.
    `position` and `state` (the carried recurrent state) are what a checkpoint needs beside the modules.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        loader: Loader,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        precision: Precision,
        limits: Limits,
        clipping: Clipping = Clipping(),
        window: int | None = None,
        stride: int | None = None,
        accumulate: int = 1,
        on_nonfinite: str = "raise",
        sampling: ScheduledSampling | None = None,
    ) -> None:
        self.model = model
        self.task = task
        self.loader = loader
        self.optimizer = optimizer
        self.schedule = schedule
        self.precision = precision
        self.limits = limits
        self.clipping = clipping
        self.window = window
        self.stride = stride
        self.accumulate = accumulate
        self.skip_nonfinite = on_nonfinite == "skip"
        self.sampling = sampling if sampling is not None and sampling.final else None
        self.position = Position()
        self.state: State = None
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._rates = [group["lr"] for group in optimizer.param_groups]
        self._began = time.monotonic()

    def start_clock(self) -> None:
        """Count `position.seconds` on from now."""
        self._began = time.monotonic() - self.position.seconds

    def finished(self) -> bool:
        """Whether a limit is reached."""
        position = self.position
        return self.limits.reached(position.step, position.epoch, position.seconds / 60)

    def done(self) -> float:
        """Share of training done, 0 to 1, by the limit that the schedule follows."""
        position = self.position
        return self.limits.done(position.step, position.epoch + position.share, position.seconds / 60)

    def steps(self) -> Iterator[StepReport]:
        """Train until a limit is reached."""
        self.start_clock()
        while not self.finished():
            position = self.position
            before = (position.epoch, position.step, position.skipped)
            for pieces, last in with_last(self._groups()):
                report = self._step(pieces, last)
                if report is not None:
                    yield report
                if self.finished():
                    return
            if position.step == before[1] and position.skipped > before[2]:
                raise NonFiniteError(
                    f"no step of epoch {before[0] + 1} had a finite loss and gradient, so all were skipped; "
                    "lower optimizer.lr, or look at the data"
                )
            if (position.epoch, position.step, position.skipped) == before:
                position.epoch += 1  # nothing was asked in all of it

    def _pieces(self) -> Iterator[_Piece]:
        """The rest of this epoch, window by window."""
        position = self.position
        first, skip = position.batch, position.window
        batches = self.loader.num_batches(position.epoch)
        for number, batch in enumerate(self.loader.batches(position.epoch, first), first):
            read = 0
            for index, window in enumerate(batch.windows(self.window, self.stride)):
                read += window.advance
                if number > first or index >= skip:
                    share = (number + read / batch.time) / batches
                    yield _Piece(window, self.task.count(window), number, index, share)

    def _groups(self) -> Iterator[list[_Piece]]:
        """The windows of one optimiser step: `accumulate` in which something is asked, and any between them."""
        group: list[_Piece] = []
        judged = 0
        for piece in self._pieces():
            group.append(piece)
            judged += piece.count > 0
            if judged == self.accumulate:
                yield group
                group, judged = [], 0
        if judged:
            yield group

    def _step(self, group: list[_Piece], last: bool) -> StepReport | None:
        """One optimiser step; None where it was left out because of a non-finite gradient."""
        began = time.monotonic()
        position, state = self.position, self.state
        rate = self.schedule.factor(position.step, self.done())
        for settings, base in zip(self.optimizer.param_groups, self._rates, strict=True):
            settings["lr"] = base * rate
        count = sum(piece.count for piece in group)
        loss_sum = 0.0
        tokens = padded = 0
        for piece in group:
            entered = enter(self.model, state, piece.window)
            output, total = self._run(piece, entered, count)
            state = detach(output.state)
            loss_sum += total
            steps = piece.window.size * piece.window.time
            whole = steps if piece.window.full else int(piece.window.lengths.sum())
            tokens += whole
            padded += steps - whole

        self.precision.scaler.unscale_(self.optimizer)
        norm, clipped = self.clipping(self._parameters)
        self._advance(group[-1], last)
        position.seconds = time.monotonic() - self._began
        # fp16 meets infinite gradients by design: its scaler leaves the step out and lowers the scale.
        if not (math.isfinite(loss_sum) and (math.isfinite(norm) or self.precision.scaler.is_enabled())):
            if not self.skip_nonfinite:
                raise NonFiniteError(self._blame(loss_sum, group[-1]))
            position.skipped += 1
            self.optimizer.zero_grad(set_to_none=True)
            return None
        self.precision.scaler.step(self.optimizer)
        self.precision.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.state = None if last else state
        position.step += 1
        return StepReport(
            step=position.step,
            epoch=position.epoch,
            loss_sum=loss_sum,
            count=count,
            gradient_norm=norm,
            clipped=clipped,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            seconds=time.monotonic() - began,
            tokens=tokens,
            padded=padded,
            done=self.done(),
            end_of_epoch=last,
            window=group[-1].window,
            state=entered,
        )

    def _run(self, piece: _Piece, state: State, count: int) -> tuple[Output, float]:
        """Forward and, where something is asked, backward; the summed loss."""
        window = piece.window.to(self.precision.device)
        if not piece.count:
            with torch.no_grad(), self.precision.autocast():
                return self.model(window, state), 0.0
        # Only a decoder reads what it wrote itself; other models need not know of it.
        own = () if self.sampling is None else (self.sampling.share(self.done()),)
        with self.precision.autocast():
            output = self.model(window, state, *own)
            total = self.task.loss(output, window)
        # The mean over the step's items, without a division in the graph.
        total.backward(self.precision.scaler.scale(total.new_tensor(1 / count)))
        return output, total.item()

    def _advance(self, piece: _Piece, last: bool) -> None:
        """Move to the window after `piece`."""
        position = self.position
        if last:
            position.epoch += 1
            position.batch, position.window, position.share = 0, 0, 0.0
        else:
            position.batch, position.window, position.share = piece.batch, piece.number + 1, piece.share

    def _blame(self, loss: float, piece: _Piece) -> str:
        """The sentence that says where a value stopped being finite."""
        bad = [name for name, p in self.model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
        what = f"the loss is {loss:g}" if not math.isfinite(loss) else "a gradient is not finite"
        where = f" (first seen in the gradient of {bad[0]})" if bad else ""
        return (
            f"{what} at step {self.position.step + 1}, batch {piece.batch}, window {piece.number}{where}; "
            "lower optimizer.lr, set training.clip_norm, or look at the data of that batch"
        )


def enter(model: nn.Module, state: State, window: Batch) -> State:
    """The state a window begins with: rows that begin a new sequence begin anew."""
    if window.continues:
        return state
    starts = window.starts
    if state is None or starts is None or starts.all():
        return None
    if starts.any():
        return model.reset(state, starts.to(leaves(state)[0].device))  # type: ignore[operator]
    return state


Item = TypeVar("Item")


def with_last(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Each item, and whether it is the last one."""
    iterator = iter(items)
    try:
        held = next(iterator)
    except StopIteration:
        return
    for item in iterator:
        yield held, False
        held = item
    yield held, True
