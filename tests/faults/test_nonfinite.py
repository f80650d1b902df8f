"""A value that is not finite, wherever it shows: training stops before it, leaves the step out, or goes back."""

import copy
import itertools
import json
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqnet.batch import Batch, Output
from seqnet.cells.lstm import LSTM
from seqnet.draws import drawing
from seqnet.errors import NonFiniteError
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.classification import Classification
from seqnet.specs import Tokens, Vector
from seqnet.state import leaves
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.training import checkpoint, manifest
from seqnet.training.averaging import MovingAverage
from seqnet.training.limits import Limits
from seqnet.training.pieces import Loader, Piece
from seqnet.training.precision import Precision
from seqnet.training.schedule import Linear
from seqnet.training.trainer import Trainer

SOURCES = ("feature", "loss", "one gradient", "after unscale")
VALUES = tuple(map(float, ("nan", "inf", "-inf")))
PRECISIONS = ("fp32", "bf16", "fp16")
CASES = tuple(itertools.product(SOURCES, VALUES))

REACHED: dict[str, int] = {}

Amount = Callable[[int, int], int]
Train = Callable[..., tuple[int, str]]
Differences = Callable[[Path, Path], list[str]]


@dataclass(frozen=True)
class Poison:
    """What shows where. spoils: whether a step of a batch of an epoch is bad. parameter: that with a bad gradient."""

    source: str
    value: float
    spoils: Callable[[int, int, int], bool]
    parameter: str = "layers.layers.0.cell.weight_hh"

    def into(self, trainer: Trainer) -> None:
        """Have it show whenever the trainer reads a bad step."""
        trainer.loader = Marked(trainer.loader, self)
        task = trainer.task = Tainted(trainer.task, self)
        weight = dict(trainer.model.named_parameters())[self.parameter]
        weight.register_hook(lambda gradient: self._spoilt(gradient, self.source == "one gradient" and task.bad))
        unscale = trainer.precision.scaler.unscale_

        def unscale_(optimizer: Any) -> None:
            unscale(optimizer)
            if self.source == "after unscale" and task.bad_in_step and weight.grad is not None:
                weight.grad.copy_(self._spoilt(weight.grad, True))
            task.bad_in_step = False

        trainer.precision.scaler.unscale_ = unscale_  # type: ignore[method-assign]

    def _spoilt(self, gradient: Tensor, bad: bool) -> Tensor:
        gradient = gradient.clone()
        gradient[1, 1] = self.value if bad else gradient[1, 1]
        return gradient


@dataclass
class Marked:
    """A loader whose batches say in a view where each step of theirs is from."""

    loader: Any
    poison: Poison

    def num_batches(self, epoch: int) -> int:
        return self.loader.num_batches(epoch)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        for number, batch in enumerate(self.loader.batches(epoch, start), start):
            steps = range(batch.time)
            places = torch.tensor([[epoch, number, step] for step in steps]).expand(batch.size, -1, -1)
            if self.poison.source == "feature":
                inputs = batch.inputs.clone()
                for step in steps:
                    if self.poison.spoils(epoch, number, step):
                        inputs[1, step, 0] = self.poison.value
                batch = replace(batch, inputs=inputs)
            yield replace(batch, views={**batch.views, "places": places})


class Tainted:
    """A task whose loss is bad where a window holds a bad step; what it answers else is the task's own."""

    def __init__(self, task: Any, poison: Poison) -> None:
        self.task, self.poison = task, poison
        self.bad = self.bad_in_step = False

    def count(self, batch: Batch) -> int:
        return self.task.count(batch)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        self.bad = any(self.poison.spoils(*place) for place in batch.views["places"][0].tolist())
        self.bad_in_step |= self.bad
        loss = self.task.loss(output, batch)
        return loss + self.poison.value if self.bad and self.poison.source == "loss" else loss


@dataclass
class Without:
    """A loader of the windows of another's batches, each a batch, without some of them.

    leaves_out: whether a window of a batch of an epoch is left out. Rows that begin in such a one begin in the next.
    What is drawn in a window is drawn by its place in the whole data.
    """

    loader: Any
    window: int
    leaves_out: Callable[[int, int, int], bool]

    def into(self, trainer: Trainer) -> None:
        """Have the trainer read it, and draw as it would with the windows that are left out."""

        def drawing_of(piece: Piece) -> AbstractContextManager[None]:
            place, _ = self._all(piece.epoch)[piece.batch]
            return drawing((trainer.seed, piece.epoch, *place))

        trainer.loader = self
        trainer._drawing = drawing_of  # type: ignore[method-assign]

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        yield from (batch for _, batch in self._all(epoch)[start:])

    def num_batches(self, epoch: int) -> int:
        return len(self._all(epoch))

    def _all(self, epoch: int) -> list[tuple[tuple[int, int], Batch]]:
        kept: list[tuple[tuple[int, int], Batch]] = []
        begun = None
        for number, batch in enumerate(self.loader.batches(epoch)):
            for index, window in enumerate(batch.windows(self.window)):
                starts = None if window.continues else window.starts
                if begun is not None:
                    starts = begun if starts is None else begun | starts
                left_out = self.leaves_out(epoch, number, index)
                if not left_out:
                    changed = {} if begun is None else {"starts": starts, "continues": False}
                    kept.append(((number, index), replace(window, **changed)))
                begun = starts if left_out else None
        return kept


# ------------------------------------------------------------------------------------------------------ one trainer

WINDOW, ACCUMULATE = 4, 2
STEPS = 9
BAD = ((0, 1), (1, 2), (2, 9))  # batch and step: in the first step; in one of two batches; in the last, of one window


class Restless(nn.Module):
    """Reads numbers as they are, and remembers in a buffer what it read."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.size = 2
        self.register_buffer("seen", torch.zeros(2))

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.mul_(0.9).add_(inputs.detach().sum((0, 1)))
        return inputs + self.seen.sum().tanh()


class Numbers:
    """Three batches of 12 steps, the state carried on; in the second and the third some rows begin anew."""

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        for number in range(start, 3):
            drawn = torch.Generator().manual_seed(10 * epoch + number)
            starts = torch.tensor([number == 0, number < 2, number != 1])
            inputs = torch.randn(3, 12, 2, generator=drawn)
            targets = torch.randint(3, (3, 12), generator=drawn)
            yield Batch(inputs, torch.full((3,), 12), targets, starts=starts)

    def num_batches(self, epoch: int) -> int:
        return 3


def made(precision: str, on_nonfinite: str, loader: Loader) -> Trainer:
    """Two layers, dropout, warm-up, clipping, AdamW, a moving average."""
    torch.manual_seed(0)
    model = Recurrent(
        LSTM,
        Vector(2),
        {},
        3,
        hidden_size=5,
        num_layers=2,
        dropout=0.3,
        output_dropout=0.2,
        encoders={"inputs": lambda space, size, std: Restless()},
    )
    return Trainer(
        model,
        ManyToMany(Classification(Tokens(("x", "y", "z")))),
        loader,
        torch.optim.AdamW(model.parameters(), lr=0.1),
        Linear(warmup_steps=3),
        Precision(precision, torch.device("cpu")),
        Limits(max_steps=STEPS),
        window=WINDOW,
        accumulate=ACCUMULATE,
        on_nonfinite=on_nonfinite,
        average=partial(MovingAverage, decay=0.8),
    )


def standing(trainer: Trainer) -> dict[str, Any]:
    """All that a step may change."""
    assert trainer.average is not None
    position = asdict(trainer.position)
    del position["seconds"]
    return copy.deepcopy(
        {
            "model": trainer.model.state_dict(),
            "average": trainer.average.weights(),
            "optimizer": trainer.optimizer.state_dict(),
            "scaler": trainer.precision.scaler.state_dict(),
            "state": leaves(trainer.state),
            "position": position,
            "gradients": [parameter.grad for parameter in trainer.model.parameters()],
        }
    )


def same(one: Any, other: Any) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def poisoned(source: str, value: float, bad: tuple[int, int], precision: str, on_nonfinite: str) -> Trainer:
    trainer = made(precision, on_nonfinite, Numbers())
    Poison(source, value, lambda epoch, batch, step: (batch, step) == bad).into(trainer)
    return trainer


def overflows(source: str, value: float, precision: str) -> bool:
    """Whether only the gradients of the scaled loss are not finite, which is the scaler's to answer.

    An LSTM's gates are shut or open where a feature is infinite, and its output is finite.
    """
    return precision == "fp16" and (source == "one gradient" or (source == "feature" and math.isinf(value)))


def cases_of(amount: Amount) -> Iterator[tuple[str, float, str]]:
    """What shows, and in which precision: in the quick tier a third of all, each in one."""
    for number, (source, value) in enumerate(CASES):
        for precision in PRECISIONS:
            if amount(0, 1) or (number + PRECISIONS.index(precision)) % 3 == 0:
                yield source, value, precision


@pytest.fixture(autouse=True)
def no_overflow_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scaler begins at 2^16, which is too much for the first steps of these models."""
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=256.0))


@pytest.fixture
def count(figure: Callable[[str, str], None]) -> Callable[[str, int], None]:
    """Count cases that came out as promised."""

    def counted(kind: str, cases: int) -> None:
        REACHED[kind] = cases
        figure(
            "non-finite values",
            "; ".join(f"{kind}: {cases} of {cases} as promised" for kind, cases in REACHED.items())
            + f" ({len(CASES)} combinations of value and source, in {', '.join(PRECISIONS)})",
        )

    return counted


def test_raise_leaves_all_as_before_the_step(amount: Amount, count: Callable[[str, int], None]) -> None:
    tried = 0
    for (source, value, precision), bad in itertools.product(cases_of(amount), BAD):
        trainer = poisoned(source, value, bad, precision, "raise")
        steps = trainer.steps()
        if overflows(source, value, precision):
            scale = trainer.precision.scaler.get_scale()
            list(steps)
            assert trainer.precision.scaler.get_scale() < scale
            assert all(tensor.isfinite().all() for tensor in trainer.model.parameters())
            continue
        told = ""
        while not told:
            before = standing(trainer)
            try:
                assert next(steps) is not None
            except NonFiniteError as error:
                told = str(error)
        same(standing(trainer), before)
        batch, step = bad
        if source == "loss":
            assert told.startswith(f"the loss is {value:g} at step ")
        # All windows of a step share their gradients, once they are summed up.
        window = step // WINDOW
        if source == "after unscale":
            batch, window = {(0, 1): (0, 1), (1, 2): (1, 0), (2, 9): (2, 2)}[bad]
        assert f"epoch 1, batch {batch}, window {window})" in told, (told, source, value, precision)
        assert blamed(source) in told, (told, source, value, precision)
        tried += 1
    count("raise", tried)


def blamed(source: str) -> str:
    """Where the value is said to come from."""
    if source == "feature":
        return "what the batch holds is not finite itself"
    if source == "loss":
        return "first seen in the loss"
    return "first seen in the gradient of weight_hh of module layers.layers.0.cell"


def test_skip_leaves_the_windows_out(amount: Amount, count: Callable[[str, int], None]) -> None:
    tried = 0
    wanted: dict[Any, Any] = {}
    for (source, value, precision), bad in itertools.product(cases_of(amount), BAD):
        if overflows(source, value, precision):
            continue
        trainer = poisoned(source, value, bad, precision, "skip")
        steps, losses, skipped = trainer.steps(), [], 0
        while True:
            before = standing(trainer)
            try:
                report = next(steps)
            except StopIteration:
                break
            if report is not None:
                losses.append((report.loss_sum, report.count, report.gradient_norm, report.learning_rate))
                continue
            skipped += 1
            after = standing(trainer)
            assert after["position"].pop("skipped") == skipped == before["position"].pop("skipped") + 1
            for tree in (before, after):
                del tree["position"], tree["state"]  # which go on to what comes after
            same(after, before)
        assert skipped >= 2
        key = (bad, precision)
        if key not in wanted:
            wanted[key] = without_the_step(bad, precision)
        reference, expected = wanted[key]
        assert losses == expected and len(losses) == STEPS
        ours, theirs = standing(trainer), standing(reference)
        del ours["position"], theirs["position"]
        same(ours, theirs)
        assert all(tensor.isfinite().all() for tensor in trainer.model.parameters())
        tried += 1
    count("skip", tried)


def without_the_step(bad: tuple[int, int], precision: str) -> tuple[Trainer, list[Any]]:
    """A run on data without the windows of the bad step: of each epoch's nine, two by two, and the last alone."""
    group = (bad[0] * 3 + bad[1] // WINDOW) // ACCUMULATE
    loader = Without(Numbers(), WINDOW, lambda epoch, batch, window: (batch * 3 + window) // ACCUMULATE == group)
    trainer = made(precision, "raise", loader)
    loader.into(trainer)
    reports = [report for report in trainer.steps() if report is not None]
    return trainer, [(each.loss_sum, each.count, each.gradient_norm, each.learning_rate) for each in reports]


@pytest.mark.parametrize("name", ["inputs", "layers.layers.1", "head"])
def test_the_module_that_made_the_value_is_named(name: str) -> None:
    trainer = made("fp32", "raise", Numbers())
    with torch.no_grad():
        module = trainer.model.get_submodule(name)
        next(itertools.chain(module.parameters(), module.buffers()))[0] = float("nan")
    with pytest.raises(
        NonFiniteError, match=rf"\(epoch 1, batch 0, window 0\), first seen in the output of module {name}"
    ):
        list(trainer.steps())


def test_a_step_of_which_all_is_left_out_ends_training() -> None:
    for source, on_nonfinite in itertools.product(SOURCES, ("skip", "raise")):
        trainer = made("fp32", on_nonfinite, Numbers())
        Poison(source, float("nan"), lambda epoch, batch, step: True).into(trainer)
        with pytest.raises(NonFiniteError, match="no step of epoch 1" if on_nonfinite == "skip" else "at step 1"):
            list(trainer.steps())


# ------------------------------------------------------------------------------------------------------- whole runs

RUN = (
    "experiment=running_sum",
    "data.length=12",
    "data.train_size=15",
    "data.batch_size=4",
    "data.valid_size=4",
    "data.test_size=4",
    "model.hidden_size=5",
    "model.num_layers=2",
    "model.dropout=0.2",
    "model.output_dropout=0.2",
    "optimizer=adamw",
    "schedule.warmup_steps=3",
    "training.window=4",
    "training.max_epochs=null",
    "training.max_steps=20",
    "training.log_every_steps=1",
    "training.ema_decay=0.8",
    "checkpoint.every_steps=1",
    "observers.samples=false",
)
# Batches have other numbers where some are not in the data.
NUMBERED = {f"{key} of {name}" for key in ("data_position", "snapshots") for name in ("last", "best")}
NUMBERED.add("left_out_batches of results.json")


@dataclass(frozen=True)
class Scene:
    """Where bad values are met: the batches of each epoch that hold one, and at which of their steps.

    epochs: those in which they are bad; None = all.
    """

    batches: tuple[int, ...]
    step: int
    accumulate: int = 1
    evaluate_every_steps: int | None = None
    epochs: tuple[int, ...] | None = None
    max_steps: int | None = None  # None: two epochs, at a learning rate that does not ask how many steps there are

    def changes(self, precision: str) -> dict[str, Any]:
        """The options of the run."""
        made: dict[str, Any] = {
            "precision": precision,
            "training.on_nonfinite": "rewind",
            "training.accumulate": self.accumulate,
            "training.evaluate_every_steps": self.evaluate_every_steps,
            "training.max_steps": self.max_steps,
        }
        if self.max_steps is None:
            constant = {"_target_": "seqnet.training.schedule.Constant", "warmup_steps": 3}
            made |= {"training.max_epochs": 2, "schedule": constant}
        return made

    def spoils(self, epoch: int, batch: int, step: int) -> bool:
        return self.leaves_out(epoch, batch, 0) and step == self.step

    def leaves_out(self, epoch: int, batch: int, window: int) -> bool:
        return batch in self.batches and (self.epochs is None or epoch in self.epochs)


SCENES = (
    Scene((1,), step=9, evaluate_every_steps=1),  # two steps are made, scored and saved inside the batch
    Scene((2,), step=1, evaluate_every_steps=2, accumulate=2, max_steps=9),
    Scene((0,), step=1, max_steps=18),
    Scene((3,), step=9, accumulate=2),
    Scene((0, 3), step=5, evaluate_every_steps=3),
    Scene((2, 3), step=5),
    Scene((1, 2, 3), step=9, accumulate=2),
    Scene((1,), step=9, accumulate=3, evaluate_every_steps=2, epochs=(1,)),
    Scene((0, 1, 2), step=1, epochs=(0,)),
)


@contextmanager
def changed(change: Callable[[Trainer], None]) -> Iterator[None]:
    """Have something done to every trainer as it is built."""
    build = Trainer.__init__

    def building(trainer: Trainer, *given: Any, **named: Any) -> None:
        build(trainer, *given, **named)
        change(trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "__init__", building)
        yield


class Runs:
    """Runs of the command line on data that holds bad values, and on the same data without them."""

    def __init__(self, train: Train, differences: Differences, folder: Path) -> None:
        self._train, self._differences, self._folder = train, differences, folder
        self._wholes: dict[Any, Path] = {}

    def folder(self) -> Path:
        """Of a run to be made."""
        return self._folder / f"run{len(list(self._folder.iterdir()))}"

    def bad(
        self, run: Path, poison: Poison, changes: dict[str, Any], overrides: tuple[str, ...] = RUN
    ) -> tuple[int, str]:
        """Make a run; the exit code and what was told."""
        with changed(poison.into):
            return self._train(overrides, run, changes)

    def without(
        self,
        key: Any,
        leaves_out: Callable[[int, int, int], bool],
        changes: dict[str, Any],
        overrides: tuple[str, ...] = RUN,
    ) -> Path:
        """The folder of the run on data without some windows; it is made once for a key."""

        def leave_out(trainer: Trainer) -> None:
            assert trainer.window is not None
            Without(trainer.loader, trainer.window, leaves_out).into(trainer)

        if key not in self._wholes:
            run = self._wholes[key] = self.folder()
            with changed(leave_out):
                code, told = self._train(overrides, run, changes)
            assert code == 0, told
        return self._wholes[key]

    def unlike(self, run: Path, whole: Path) -> set[str]:
        """In what a run differs from one on data without its bad batches, but for their numbers."""
        return set(self._differences(run, whole)) - NUMBERED


@pytest.fixture(scope="module")
def runs(train: Train, differences: Differences, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(train, differences, tmp_path_factory.mktemp("runs"))


def test_rewind_is_as_if_the_batch_was_never_seen(
    runs: Runs, amount: Amount, count: Callable[[str, int], None]
) -> None:
    tried = 0
    for number, (source, value, precision) in enumerate(cases_of(amount)):
        if overflows(source, value, precision):
            continue
        for scene in SCENES[number % 3 :: amount(9, 3)]:
            if source == "after unscale" and scene.accumulate > 1:
                continue  # of windows whose gradients are summed up all are left out
            case, changes = (source, value, scene), scene.changes(precision)
            run = runs.folder()
            code, told = runs.bad(run, Poison(source, value, scene.spoils), changes)
            assert code == 0, (case, told)
            assert told.count("went back to step") >= len(scene.batches), (case, told)
            whole = runs.without((scene, precision), scene.leaves_out, changes)
            assert not runs.unlike(run, whole), (case, changes)
            tried += 1
    count("rewind", tried)


def test_skip_is_counted_in_what_a_run_reached(runs: Runs) -> None:
    scene = Scene((1,), step=9, evaluate_every_steps=1, accumulate=2, max_steps=12)  # 6 steps an epoch, 5 are left
    changes = {**scene.changes("fp32"), "training.on_nonfinite": "skip"}
    whole = runs.without("skip", lambda epoch, batch, window: 3 * batch + window in (4, 5), changes)
    for source in SOURCES:
        run = runs.folder()
        code, told = runs.bad(run, Poison(source, float("nan"), scene.spoils), changes)
        assert code == 0, told
        assert json.loads((run / "results.json").read_text())["skipped_steps"] == 2
        counted = {"counters of last", "counters of best", "skipped_steps of results.json"}
        assert runs.unlike(run, whole) == counted, source


def test_raise_ends_a_run_with_exit_4(runs: Runs, amount: Amount) -> None:
    scene = Scene((1,), step=9, evaluate_every_steps=1, max_steps=12)
    for source, value in CASES[:: amount(4, 1)]:
        run = runs.folder()
        changes = {**scene.changes("fp32"), "training.on_nonfinite": "raise"}
        code, told = runs.bad(run, Poison(source, value, scene.spoils), changes)
        assert code == 4 and len(told.splitlines()) == 1, told
        assert told.startswith("seqnet: ") and "at step 6 (epoch 1, batch 1, window 2), " in told, told
        assert blamed(source) in told
        components = checkpoint.read(manifest.find(run, "last"))
        assert components["counters"]["step"] == 5


@pytest.mark.parametrize("on_nonfinite", ["skip", "rewind"])
def test_nothing_but_bad_batches_ends_a_run_with_exit_4(runs: Runs, on_nonfinite: str) -> None:
    for source, epochs in zip(SOURCES, (None, (0,), (1,), (1,)), strict=True):
        scene = Scene((0, 1, 2, 3), step=9, epochs=epochs, accumulate=3)
        changes = {**scene.changes("fp32"), "training.on_nonfinite": on_nonfinite}
        code, told = runs.bad(runs.folder(), Poison(source, float("nan"), scene.spoils), changes)
        epoch = epochs[0] + 1 if epochs else 1
        assert code == 4 and f"no step of epoch {epoch} had a finite loss and gradient" in told, (source, told)


def test_what_only_the_sum_shows_leaves_out_all_that_is_summed(runs: Runs) -> None:
    scene = Scene((1,), step=1, accumulate=2, evaluate_every_steps=1)  # with the last window of the batch before
    changes = scene.changes("fp32")
    run = runs.folder()
    code, told = runs.bad(run, Poison("after unscale", float("nan"), scene.spoils), changes)
    assert code == 0, told
    whole = runs.without("sum", lambda epoch, batch, window: batch in (0, 1), changes)
    assert not runs.unlike(run, whole)


class Death(BaseException):
    """The process is gone: no handler of the program's own answers this."""


def test_killed_after_a_rewind(runs: Runs, amount: Amount, points: Callable[[Path], dict[str, list[Any]]]) -> None:
    scene = Scene((1, 3), step=9, evaluate_every_steps=2)
    changes = {
        **scene.changes("fp32"),
        "observers.tensorboard": {"_target_": "seqnet.observers.tensorboard.TensorBoard"},
    }
    whole = runs.without("killed", scene.leaves_out, changes)
    for source, last in itertools.product(SOURCES[:: amount(4, 1)], range(2, 18, amount(5, 1))):
        run, poison = runs.folder(), Poison(source, float("inf"), scene.spoils)
        steps, made_so_far = Trainer.steps, [0]

        def stepping(trainer: Trainer) -> Iterator[Any]:
            for report in steps(trainer):  # noqa: B023
                yield report
                made_so_far[0] += 1  # noqa: B023
                if made_so_far[0] == last:  # noqa: B023
                    raise Death

        with pytest.MonkeyPatch.context() as patch, pytest.raises(Death):
            patch.setattr(Trainer, "steps", stepping)
            runs.bad(run, poison, changes)
        code, told = runs.bad(run, poison, changes)
        assert code == 0, told
        assert not runs.unlike(run, whole), (source, last)
        shown, wanted = points(run), points(whole)
        assert {tag: shown.get(tag) for tag in wanted} == wanted, (source, last)


@pytest.mark.parametrize("kind", ["text", "documents"])
def test_of_running_text_only_windows_are_left_out(
    runs: Runs, small_runs: dict[str, tuple[str, ...]], kind: str
) -> None:
    """Every third one; documents that begin in such a one begin in the next."""
    window = 6
    common = {
        "training.window": window,
        "training.stride": None,
        "training.on_nonfinite": "rewind",
        "training.max_epochs": None,
        "training.max_steps": 24,
        "data.batch_size": 4,
    }

    def leaves_out(epoch: int, batch: int, number: int) -> bool:
        return (batch + number + epoch) % 3 == 0

    def spoils(epoch: int, batch: int, step: int) -> bool:
        return leaves_out(epoch, batch, step // window) and step % window == 0

    for source, accumulate in (("loss", 1), ("one gradient", 2), ("after unscale", 1)):
        run, changes = runs.folder(), {**common, "training.accumulate": accumulate}
        code, told = runs.bad(run, Poison(source, float("nan"), spoils), changes, small_runs[kind])
        assert code == 0, told
        assert told.count("went back to step") > 5
        whole = runs.without((kind, accumulate), leaves_out, changes, small_runs[kind])
        assert not runs.unlike(run, whole), (source, accumulate)
