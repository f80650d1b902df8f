"""The one loop: windows of batches in, a report for every optimiser step out."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor, nn

from seqnet.batch import Batch, Output, StepReport
from seqnet.draws import drawing
from seqnet.errors import NonFiniteError
from seqnet.state import State, detach, leaves, with_leaves
from seqnet.training.activation import ActivationRegularisation
from seqnet.training.allocator import SECONDS, give_freed_memory_back
from seqnet.training.averaging import WeightAverage
from seqnet.training.clipping import UNCLIPPED, Clipping
from seqnet.training.constraints import constrained
from seqnet.training.diagnose import NO_NUMBER, SEEN_IN_THE_LOSS, culprit, holds_numbers, worst_gradient
from seqnet.training.exchange import Exchange
from seqnet.training.limits import Limits
from seqnet.training.pieces import Loader, Piece, Pieces, Position, with_last
from seqnet.training.precision import Precision
from seqnet.training.ranks import ALONE, Ranks
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


class Trainer:
    """Truncated back-propagation through time over any model, task and data.

    `steps()` is a generator that yields a report after each optimiser step: it neither logs nor saves.
    `position` and `state` (the carried recurrent state) are what a checkpoint needs beside the modules.
    on_nonfinite: `skip` leaves a step with a loss or gradient that is not finite out, as if its windows were not in
    the data; anything else raises NonFiniteError. All is then as it was before the step, but the random states that a
    class of the user's own may draw from: seqnet's draw by `seed` and the window's place (see `draws`).
    activation: what is added to the loss for what the model puts out, and is no part of the loss that is reported.
    average: makes the average of a model's weights; None = there is none.
    ranks: those that train together. Each runs its share of the rows of every window, and `state` is of these; all else
    is the same on each. stopping: the exit code that this process is asked to stop with, 0 = it is not;
    `exchange.stopped` is what all of them agreed on at the last step.
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
        clipping: Clipping = UNCLIPPED,
        window: int | None = None,
        stride: int | None = None,
        accumulate: int = 1,
        on_nonfinite: str = "raise",
        sampling: ScheduledSampling | None = None,
        activation: ActivationRegularisation | None = None,
        average: Callable[[nn.Module], WeightAverage] | None = None,
        seed: int = 0,
        ranks: Ranks = ALONE,
        stopping: Callable[[], int] = lambda: 0,
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
        self.average = None if average is None else average(model)
        self.seed = seed
        self.activation = activation
        self.sampling = sampling if sampling is not None and sampling.final else None
        self.position = Position()
        self.state: State = None
        self._buffered = [module for module in model.modules() if next(module.buffers(recurse=False), None) is not None]
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._constrained = constrained(model)
        self.ranks = ranks
        self.exchange = Exchange(ranks, self._parameters, stopping)
        self._carried_rows = 0  # of all ranks
        self._nothing = torch.zeros((), device=precision.device)  # the loss, and the norm, of a rank that has none
        precision.scaler.scale(self._nothing)  # has its scale on such a rank, too
        self._rates = [group["lr"] for group in optimizer.param_groups]
        self._began = self._given_back = time.monotonic()

    def start_clock(self) -> None:
        """Count `position.seconds` on from now."""
        self._began = time.monotonic() - self.position.seconds

    def finished(self) -> bool:
        """Whether a limit is reached."""
        position = self.position
        return self.limits.reached(position.step, position.epoch, position.seconds / 60)

    def done(self) -> float:
        """Share of training done, 0 to 1, by the limit that the schedule follows."""
        return self._share(self.limits)

    def _share(self, limits: Limits) -> float:
        position = self.position
        return limits.done(position.step, position.epoch + position.share, position.seconds / 60)

    def next_rate(self, limits: Limits) -> float:
        """The learning rate of the next step, were training to end with these limits."""
        return float(self._rates[0] * self.schedule.factor(self.position.step, self._share(limits)))

    def steps(self) -> Iterator[StepReport | None]:
        """Train until a limit is reached; None for a step that was left out. Raises NonFiniteError."""
        self.start_clock()
        position = self.position
        while not self.finished():
            epoch, step, whole = position.epoch, position.step, not (position.batch or position.window)
            for pieces, last in with_last(self._pieces.groups(self.position)):
                yield self._step(pieces, last)
                if self.finished():
                    break
            else:
                if position.epoch == epoch:
                    self._end_epoch()  # nothing was asked in all of it, or what was is left out
            ended = whole and position.epoch > epoch
            if ended and position.step == step and (position.skipped or position.left_out):
                raise NonFiniteError(
                    f"no step of epoch {epoch + 1} had a finite loss and gradient, so all were left out; "
                    "lower optimizer.lr, or look at the data"
                )

    def seek(self) -> None:
        """Go on at the same share of this epoch where its batches or windows are others, without a carried state."""
        self.state = None
        self._pieces.seek(self.position)

    @property
    def _pieces(self) -> Pieces:
        count, moved = getattr(self.task, "training_count", self.task.count), self.precision.moved
        return Pieces(self.loader, moved, count, self.window, self.stride, self.accumulate, self.ranks)

    def carried(self) -> list[Tensor]:
        """The tensors of the carried state, of the rows of all ranks in their order; none where nothing is carried.

        To be called by all ranks.
        """
        if self.ranks.count == 1:
            return leaves(self.state)
        parts = self.ranks.gather([tensor.cpu() for tensor in leaves(self.state)])
        if not any(parts):
            return []
        for rank, part in enumerate(parts):
            share = Ranks(rank, self.ranks.count).share(self._carried_rows)
            if not part and share.stop > share.start:  # all of its rows are to begin anew
                template = self.model.initial_state(share.stop - share.start)  # type: ignore[operator]
                parts[rank] = [tensor.detach().cpu() for tensor in leaves(template)]
        return [torch.cat(rows) for rows in zip(*filter(None, parts), strict=True)]

    def carry(self, tensors: list[Tensor]) -> None:
        """The inverse of `carried`: this rank goes on with its share. Raises what a state of another model raises."""
        self.state, self._carried_rows = None, len(tensors[0]) if tensors else 0
        share = self.ranks.share(self._carried_rows)
        if share.stop > share.start:
            template = self.model.initial_state(share.stop - share.start)  # type: ignore[operator]
            self.state = with_leaves(template, [tensor[share].to(self.precision.device) for tensor in tensors])

    def epoch_is_over(self) -> bool:
        """Whether nothing that is to be read is left of this epoch."""
        return next(self._pieces.groups(self.position), None) is None

    def _step(self, group: list[Piece], last: bool) -> StepReport | None:
        """One optimiser step; None where it was left out because of a value that is not finite."""
        began = time.monotonic()
        position, state, scaler = self.position, self.state, self.precision.scaler
        buffers = [buffer.clone() for buffer in self._buffers()]
        rate = self.schedule.factor(position.step, self.done())
        count = sum(piece.count for piece in group)
        regularised = None
        if self.activation is not None:
            regularised = self.activation.counts(piece.whole for piece in group if piece.count)
        tokens = places = padded = 0
        judged: list[tuple[Piece, State]] = []
        losses: list[Tensor] = []
        largest: list[Tensor] = []  # value of the gradient so far, after each piece where there are several
        for piece in group:
            entered = enter(self.model, state, piece.window, piece.moved)
            if piece.left_out:  # rows that begin in it begin anew all the same
                state = entered
                continue
            state, total = self._run(piece, entered, count, regularised)
            if piece.count:
                judged.append((piece, entered))
                losses.append(self._nothing if total is None else total)
                if len(group) > 1:
                    largest.append(self._norm(math.inf))
            sides = piece.whole.filled()
            tokens += sides[0][0]
            places += sum(there for _, there in sides)
            padded += sum(there - filled for filled, there in sides)
        seconds = time.monotonic() - self._began
        summed = self.exchange.add([*losses, *largest], seconds)
        scaled = [self._norm(math.inf)] if scaler.is_enabled() else []
        scaler.unscale_(self.optimizer)
        norms = [self._norm(2), self._norm(math.inf)] if self.clipping.value is not None else [self._norm(2)]
        # All that Python must know of this step, at once: the only time that it waits for a GPU.
        told = iter(torch.hstack([*scaled, *norms, *summed]).tolist())
        parts = (scaled, norms, losses, largest)
        overflown, (norm, *extreme), found, tops = ([next(told) for _ in part] for part in parts)
        loss_sum = sum(found)
        bad = [one for one, loss in zip(judged, found, strict=True) if not math.isfinite(loss)]
        # fp16 meets infinite gradients by design: its scaler leaves the step out and lowers the scale.
        overflow = not bad and not all(map(math.isfinite, overflown))
        position.seconds = self.exchange.hear([*told], seconds)
        if bad or not (overflow or math.isfinite(norm)):
            if scaler.is_enabled():
                scaler.update(scaler.get_scale())  # forgets this step, and keeps the scale
            spoilt = [piece for (piece, _), top in zip(judged, tops, strict=False) if not math.isfinite(top)]
            error = None if self.skip_nonfinite else self._blame(spoilt[:1] or group, bad, loss_sum)
            self._forget_gradients()
            for buffer, value in zip(self._buffers(), buffers, strict=True):
                buffer.copy_(value)
            if error is not None:
                raise error
            state = self.state
            for piece in group:  # rows that begin in what is left out begin anew all the same
                state = enter(self.model, state, piece.window, piece.moved)
            self._leave_out(group[-1], last, state)
            return None
        clipped = not overflow and self.clipping.clips(norm, *extreme)
        if clipped:
            self.clipping(self._parameters, norms[0])
        for settings, base in zip(self.optimizer.param_groups, self._rates, strict=True):
            settings["lr"] = base * rate
        scaler.step(self.optimizer)
        scaler.update()
        self._forget_gradients()
        if overflow:
            self._leave_out(group[-1], last, state)
            return None
        for module in self._constrained:
            module.constrain()
        self._advance(group[-1], last, state)
        position.step += 1
        if self.average is not None:
            self.average.update(position.step)
        if began > self._given_back + SECONDS:
            self._given_back = began
            give_freed_memory_back()
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
            padded_steps=places,
            padded=padded,
            done=self.done(),
            end_of_epoch=last,
            window=group[-1].window,
            state=entered,
        )

    def _drawing(self, piece: Piece) -> AbstractContextManager[None]:
        """Within, what is drawn is that of the piece, whenever it is run."""
        return drawing((self.seed, piece.epoch, piece.batch, piece.number), piece.first_row)

    def _own(self, piece: Piece) -> tuple[float, ...]:
        """Which share a decoder reads of what it wrote itself; other models need not know of it."""
        return () if self.sampling is None or not piece.count else (self.sampling.share(self.done()),)

    def _run(
        self, piece: Piece, state: State, count: float, regularised: tuple[int, int] | None
    ) -> tuple[State, Tensor | None]:
        """Forward and, where something is asked, backward: the state to carry, and the summed loss.

        regularised: the counts of `activation`.
        """
        window = piece.moved
        if not window.size:
            return None, None  # all rows are other ranks'
        if not piece.asks:
            with torch.no_grad(), self.precision.autocast(), self._drawing(piece):
                return detach(self.model(window, state, *self._own(piece)).state), None
        with self.precision.autocast(), self._drawing(piece):
            output = self.model(window, state, *self._own(piece))
            aim = total = self.task.loss(output, window)
            if self.activation is not None and regularised is not None:
                aim = total + count * self.activation(output, window, regularised)
        # The mean over the step's items, without a division in the graph.
        aim.backward(self.precision.scaler.scale(aim.new_full((), 1 / count)))
        return detach(output.state), total.detach()

    def _buffers(self) -> Iterator[Tensor]:
        """The model's buffers, without a walk through all of its modules at every step."""
        return (buffer for module in self._buffered for buffer in module.buffers(recurse=False))

    def _norm(self, order: float) -> Tensor:
        """The gradient's norm of that order."""
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        if not gradients:  # on this rank
            return self._nothing
        return nn.utils.get_total_norm(gradients, order)

    def _forget_gradients(self) -> None:
        for parameter in self._parameters:  # an optimiser's own way there takes longer
            parameter.grad = None

    def _leave_out(self, piece: Piece, last: bool, state: State) -> None:
        """Go on after `piece` without a step."""
        self.position.skipped += 1
        self._advance(piece, last, state)

    def _advance(self, piece: Piece, last: bool, state: State) -> None:
        """Move to the window after `piece`, which begins with `state`."""
        if last:
            self._end_epoch()
            return
        position, self.state, self._carried_rows = self.position, state, piece.whole.size
        position.batch, position.window = (piece.batch + 1, 0) if piece.ends else (piece.batch, piece.number + 1)
        position.share = piece.share

    def _end_epoch(self) -> None:
        position, self.state = self.position, None
        position.epoch += 1
        position.batch, position.window, position.share = 0, 0, 0.0

    def _blame(self, group: list[Piece], bad: list[tuple[Piece, State]], loss: float) -> NonFiniteError:
        """The error that says what stopped being finite and where.

        bad: pieces with such a loss, and the states they began with; where there are none, group: those of which one
        has such a gradient. All ranks tell what the first of them finds whose rows are the reason.
        """
        if bad:
            piece, state = bad[0]
            what, where = f"the loss is {loss:g}", SEEN_IN_THE_LOSS
            if piece.window.size:
                with self.precision.autocast(), self._drawing(piece):
                    where = culprit(self.model, piece.moved, state, *self._own(piece))
        else:
            piece, what = group[-1], "a gradient is not finite"
            where = worst_gradient(self.model) if holds_numbers(piece.whole) else NO_NUMBER
        told = self.ranks.gather(where)
        where = next((one for one in told if one != SEEN_IN_THE_LOSS), SEEN_IN_THE_LOSS)
        return NonFiniteError(
            f"{what} at step {self.position.step + 1} (epoch {piece.epoch + 1}, batch {piece.batch}, "
            f"window {piece.number}), {where}; lower optimizer.lr, set training.clip_norm, or look at the data of "
            "that batch",
            [piece.place for piece, _ in bad] or [piece.place for piece in group],
        )


def enter(model: nn.Module, state: State, window: Batch, moved: Batch) -> State:
    """The state a window begins with: rows that begin a new sequence begin anew. moved: the window on the device."""
    if window.continues:
        return state
    starts = window.starts
    if state is None or starts is None or starts.all():
        return None
    return model.reset(state, moved.starts) if starts.any() else state  # type: ignore[operator]
