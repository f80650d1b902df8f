"""The loop against slow references, on the real recurrent model."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from seqnet.batch import IGNORE, Batch
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.errors import NonFiniteError
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.classification import Classification
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Vector
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.many_to_one import ManyToOne
from seqnet.training.clipping import Clipping
from seqnet.training.limits import Limits
from seqnet.training.pieces import with_last
from seqnet.training.precision import Precision
from seqnet.training.schedule import Constant, Linear
from seqnet.training.trainer import Trainer, enter
from tests.conftest import Fixed

CPU = torch.device("cpu")
SPACE = Tokens(tuple("abcde"))


def language_model(**options: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(LSTM, SPACE, {}, 5, hidden_size=6, embedding_size=4, **options)


def text(rows: int = 3, time: int = 12, seed: int = 0) -> Batch:
    ids = torch.randint(5, (rows, time + 1), generator=torch.Generator().manual_seed(seed))
    return Batch(ids[:, :-1], torch.full((rows,), time), ids[:, 1:])


def trainer(model: nn.Module, loader: Fixed, task: Any = None, **options: Any) -> Trainer:
    lr = options.pop("lr", 0.1)
    return Trainer(
        model,
        task or ManyToMany(NextToken(SPACE)),
        loader,
        torch.optim.SGD(model.parameters(), lr=lr),
        options.pop("schedule", Constant()),
        Precision("fp32", CPU),
        options.pop("limits", Limits(max_epochs=1)),
        options.pop("clipping", Clipping()),
        **options,
    )


def parameters(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def full_gradient(model: nn.Module, batch: Batch) -> torch.Tensor:
    task = ManyToMany(NextToken(SPACE))
    loss = task.loss(model(batch, None), batch) / task.count(batch)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


@pytest.mark.parametrize("window", [None, 12, 99])
def test_one_window_over_everything_is_full_bptt(window: int | None) -> None:
    model, batch = language_model(), text()
    before, gradient = parameters(model), full_gradient(model, batch)
    reports = list(trainer(model, Fixed(batch), window=window).steps())
    assert len(reports) == 1 and reports[0].end_of_epoch
    torch.testing.assert_close(parameters(model), before - 0.1 * gradient, atol=1e-6, rtol=1e-6)
    assert reports[0].gradient_norm == pytest.approx(gradient.norm().item())


def test_accumulated_windows_give_the_truncated_gradient_of_all_of_them() -> None:
    """With lr 0 no step moves the weights, so windows of one step must sum to the windowed loss."""
    model, batch = language_model(), text()
    task = ManyToMany(NextToken(SPACE))
    before = parameters(model)
    total, state = torch.zeros(()), None
    for window in batch.windows(4):
        output = model(window, state)
        total = total + task.loss(output, window)
        state = type(output.state)(tuple(type(s)(*(t.detach() for t in s)) for s in output.state.layers), None)
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(total / 36, list(model.parameters()))])
    reports = list(trainer(model, Fixed(batch), window=4, accumulate=3).steps())
    assert [report.count for report in reports] == [36]
    torch.testing.assert_close(parameters(model), before - 0.1 * expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (4, 2), (5, 3), (12, 12)])
def test_windowed_losses_are_those_of_the_whole(window: int, stride: int) -> None:
    model, batch = language_model(), text()
    whole = ManyToMany(NextToken(SPACE)).loss(model(batch, None), batch)
    reports = list(trainer(model, Fixed(batch), window=window, stride=stride, lr=0.0).steps())
    assert sum(report.count for report in reports) == 36
    assert sum(report.loss_sum for report in reports) == pytest.approx(whole.item())


def test_state_is_carried_from_batch_to_batch_and_reset_row_by_row() -> None:
    model = language_model()
    whole = text(rows=2, time=9)
    pieces = [
        replace(
            whole,
            inputs=whole.inputs[:, i : i + 3],
            targets=whole.targets[:, i : i + 3],
            lengths=torch.tensor([3, 3]),
            advance=0,
            starts=torch.tensor(starts),
        )
        for i, starts in ((0, [True, True]), (3, [False, False]), (6, [False, True]))
    ]
    losses = [report.loss_sum for report in trainer(model, Fixed(*pieces), lr=0.0).steps()]
    task = ManyToMany(NextToken(SPACE))
    first_row = Batch(whole.inputs[:1], torch.tensor([9]), whole.targets[:1])
    expected = task.loss(model(first_row, None), first_row)
    for begin, end in ((0, 6), (6, 9)):
        part = Batch(whole.inputs[1:, begin:end], torch.tensor([end - begin]), whole.targets[1:, begin:end])
        expected = expected + task.loss(model(part, None), part)
    assert sum(losses) == pytest.approx(expected.item())


def test_many_to_one_steps_only_where_a_row_ends() -> None:
    torch.manual_seed(0)
    model = Recurrent(GRU, Vector(2), {}, 3, hidden_size=5, embedding_size=None, readout="mean")
    batch = Batch(torch.randn(3, 10, 2), torch.tensor([10, 9, 2]), torch.tensor([0, 1, 2]), row_targets=True)
    task = ManyToOne(Classification(Tokens(tuple("xyz"))))
    whole = task.loss(model(batch, None), batch)
    run = trainer(model, Fixed(batch), task, window=3, lr=0.0)
    reports = list(run.steps())
    assert [report.count for report in reports] == [1, 1, 1]  # steps 1-3, 7-9, 10; nothing is asked in 4-6
    assert [report.step for report in reports] == [1, 2, 3]
    assert sum(report.loss_sum for report in reports) == pytest.approx(whole.item())


def test_clipping_by_norm_and_value() -> None:
    batch = text()
    for clipping in (Clipping(norm=0.01), Clipping(value=0.001)):
        model = language_model()
        before, gradient = parameters(model), full_gradient(model, batch)
        (report,) = trainer(model, Fixed(batch), clipping=clipping).steps()
        expected = gradient.clamp(-0.001, 0.001) if clipping.value else gradient * (0.01 / gradient.norm())
        torch.testing.assert_close(before - parameters(model), 0.1 * expected, atol=1e-6, rtol=1e-3)
        assert report.gradient_norm == pytest.approx(gradient.norm().item())
        assert report.clipped
    (report,) = trainer(language_model(), Fixed(batch), clipping=Clipping(norm=1e6)).steps()
    assert not report.clipped


def test_limits_and_schedule() -> None:
    batches = [text(seed=seed) for seed in range(4)]
    run = trainer(language_model(), Fixed(*batches), limits=Limits(max_steps=6), schedule=Linear())
    reports = list(run.steps())
    assert [report.step for report in reports] == [1, 2, 3, 4, 5, 6]
    assert [report.epoch for report in reports] == [0, 0, 0, 1, 1, 1]
    assert [report.learning_rate for report in reports] == pytest.approx([0.1 * (1 - k / 6) for k in range(6)])
    run = trainer(language_model(), Fixed(*batches), limits=Limits(max_epochs=2), schedule=Linear(), window=6)
    rates = [report.learning_rate for report in run.steps()]
    assert rates == pytest.approx([0.1 * (1 - k / 16) for k in range(16)])
    run = trainer(language_model(), Fixed(*batches), limits=Limits(max_minutes=1e-9))
    assert len(list(run.steps())) == 1


@pytest.mark.parametrize("stop", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_going_on_from_any_step_gives_the_same_numbers(stop: int, accumulate: int) -> None:
    batches = [text(time=10, seed=seed) for seed in range(2)]
    options = {"window": 4, "stride": 3, "limits": Limits(max_epochs=3), "accumulate": accumulate}
    straight = language_model()
    expected = [report.loss_sum for report in trainer(straight, Fixed(*batches), **options).steps()]
    model = language_model()
    first = trainer(model, Fixed(*batches), **options)
    losses = []
    for report in first.steps():
        losses.append(report.loss_sum)
        if report.step == stop:
            break
    second = trainer(model, Fixed(*batches), **options)
    second.position, second.state = replace(first.position), first.state
    losses += [report.loss_sum for report in second.steps()]
    assert losses == expected
    assert torch.equal(parameters(model), parameters(straight))


DROPPING = {"num_layers": 2, "input_dropout": 0.3, "dropout": 0.5, "output_dropout": 0.2}


def test_a_window_draws_by_its_place_whatever_was_drawn_before() -> None:
    def losses(begin: tuple[int, int] = (0, 0), **options: Any) -> list[float]:
        run = trainer(
            language_model(**DROPPING), Fixed(text(), text()), window=4, lr=0.0, limits=Limits(max_epochs=2), **options
        )
        run.position.epoch, run.position.batch = begin
        return [report.loss_sum for report in run.steps() if report is not None]

    every = losses()
    assert len(set(every)) == len(every) == 12  # the same batch twice, in two epochs
    assert losses() == every
    assert losses(begin=(1, 1)) == every[9:]
    summed = [sum(every[at : at + 3]) for at in range(0, 12, 3)]
    assert losses(accumulate=3) == pytest.approx(summed)
    assert set(losses(seed=1)).isdisjoint(every)


def test_a_window_that_is_run_again_to_find_a_fault_draws_what_it_drew() -> None:
    model, seen = language_model(**DROPPING), []
    model.layers.layers[1].register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    with torch.no_grad():
        model.head.weight[0] = torch.inf
    with pytest.raises(NonFiniteError, match="at step 1"):
        list(trainer(model, Fixed(text()), window=4).steps())
    assert len(seen) == 2 and torch.equal(*seen)


def test_a_loss_that_is_not_finite_is_named_and_changes_nothing() -> None:
    torch.manual_seed(0)
    model = Recurrent(GRU, Vector(2), {}, 5, hidden_size=5, embedding_size=None)
    bad = Batch(torch.full((1, 4, 2), float("nan")), torch.tensor([4]), torch.zeros(1, 4, dtype=torch.long))
    good = replace(bad, inputs=torch.ones(1, 4, 2))
    before = parameters(model)
    with pytest.raises(
        NonFiniteError,
        match=r"loss is nan at step 1 \(epoch 1, batch 0, window 0\), what the batch holds is not finite",
    ):
        list(trainer(model, Fixed(bad)).steps())
    assert torch.equal(parameters(model), before)
    run = trainer(model, Fixed(bad, good), on_nonfinite="skip")
    first, second = run.steps()
    assert first is None and second is not None and second.step == 1
    assert run.position.skipped == 1 and parameters(model).isfinite().all()


def test_rows_whose_first_window_is_skipped_do_not_go_on_from_other_rows() -> None:
    torch.manual_seed(0)
    model = Recurrent(GRU, Vector(2), {}, 5, hidden_size=5, embedding_size=None)
    good = Batch(torch.ones(2, 4, 2), torch.tensor([4, 4]), torch.zeros(2, 4, dtype=torch.long))
    inputs = good.inputs.clone()
    inputs[:, 0] = float("nan")
    run = trainer(model, Fixed(good, replace(good, inputs=inputs)), on_nonfinite="skip", window=2)
    carried = [(report is None, run.state is None) for report in run.steps()]
    assert carried == [(False, False), (False, False), (True, True), (False, True)]


def test_skipping_every_step_of_an_epoch_ends_training() -> None:
    bad = Batch(torch.full((1, 4, 2), float("nan")), torch.tensor([4]), torch.zeros(1, 4, dtype=torch.long))
    torch.manual_seed(0)
    model = Recurrent(GRU, Vector(2), {}, 5, hidden_size=5, embedding_size=None)
    run = trainer(model, Fixed(bad), on_nonfinite="skip", limits=Limits(max_steps=5))
    with pytest.raises(NonFiniteError, match="no step of epoch 1"):
        list(run.steps())


def test_an_epoch_in_which_nothing_is_asked_ends() -> None:
    batch = text()
    silent = replace(batch, targets=torch.full_like(batch.targets, IGNORE))
    assert list(trainer(language_model(), Fixed(silent), limits=Limits(max_epochs=2)).steps()) == []


def test_with_last() -> None:
    assert list(with_last("abc")) == [("a", False), ("b", False), ("c", True)]
    assert list(with_last("")) == []


def test_a_window_leaves_for_the_device_before_the_step_that_precedes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, told = text(time=12), []
    moved, step = Precision.moved, Trainer._step

    def leaves(precision: Precision, window: Batch) -> Batch:
        told.append("leaves")
        return moved(precision, window)

    def steps(self: Trainer, *group: Any) -> Any:
        told.append("step")
        return step(self, *group)

    monkeypatch.setattr(Precision, "moved", leaves)
    monkeypatch.setattr(Trainer, "_step", steps)
    assert len(list(trainer(language_model(), Fixed(batch), window=4).steps())) == 3
    assert told == ["leaves", "leaves", "step", "leaves", "step", "step"]


WAITING = {
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
}


class Waits(TorchDispatchMode):
    """Notes what would make Python wait for a GPU: a number read from a tensor, or a size that its values decide."""

    def __init__(self) -> None:
        super().__init__()
        self.watches = True
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        indices = given[1] if function in (torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default) else []
        by_mask = any(index is not None and index.dtype == torch.bool for index in indices)
        if self.watches and (function in WAITING or by_mask):
            self.found.append(str(function))
        return function(*given, **(named or {}))


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"clipping": Clipping(value=1e-4)}])
@pytest.mark.parametrize("ragged", [False, True])
def test_a_step_would_wait_for_a_gpu_once(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], ragged: bool
) -> None:
    """By what it asks of tensors of the CPU: one list of numbers, though rows end, begin anew and are clipped."""
    batch, step, told = text(), Trainer._step, torch.Tensor.tolist
    if ragged:
        lengths = torch.tensor([12, 7, 1])
        targets = batch.targets.masked_fill(torch.arange(12) >= lengths[:, None], IGNORE)
        batch = replace(batch, lengths=lengths, targets=targets)
    waits, lists = Waits(), []

    def watched(self: Trainer, *given: Any) -> Any:
        with waits:
            return step(self, *given)

    def where_it_was_read(function: Any) -> Any:
        def called(*given: Any) -> Any:
            waits.watches = False
            try:
                return function(*given)
            finally:
                waits.watches = True

        return called

    def moved(self: Precision, window: Batch) -> Batch:
        there = window.map(torch.clone)
        vars(there)["target_index"] = window.target_index  # as `Batch.to` does
        return there

    def listed(self: torch.Tensor) -> Any:
        lists.append(self)
        return told(self)

    monkeypatch.setattr(Trainer, "_step", watched)
    monkeypatch.setattr("seqnet.training.trainer.enter", where_it_was_read(enter))
    monkeypatch.setattr(Batch, "filled", where_it_was_read(Batch.filled))
    monkeypatch.setattr(Precision, "moved", moved)
    run = trainer(
        language_model(), Fixed(batch, replace(batch, starts=torch.arange(3) == 1)), window=4, lr=0.01, **options
    )
    monkeypatch.setattr(torch.Tensor, "tolist", listed)
    steps = [report for report in run.steps() if report is not None]
    assert len(steps) == len(lists) == 6 // options.get("accumulate", 1)
    assert waits.found == []
