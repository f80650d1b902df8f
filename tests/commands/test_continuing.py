"""A run gone on with in a new folder under changed options: what changes, what stays, what is refused."""

import copy
import math
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from seqnet.observers.metrics_file import MetricsFile
from seqnet.training import checkpoint, manifest

SMALL = (
    "experiment=adding",
    "data.length=10",
    "data.train_size=64",
    "data.valid_size=20",
    "data.test_size=20",
    "data.batch_size=8",
    "model.hidden_size=8",
    "training.log_every_steps=1",
    "training.max_epochs=2",
    "schedule=constant",
)


def last(run: str | Path) -> dict[str, Any]:
    """The components of a run's last checkpoint."""
    return checkpoint.read(manifest.find(Path(run), "last"))


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Send this process a signal when that step is done."""

    def on_step(self: object, report: Any) -> None:
        if report.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(MetricsFile, "on_step", on_step)


def stopped(seqnet: Any, monkeypatch: pytest.MonkeyPatch, step: int, *overrides: str, run: str = "old") -> None:
    """Train and stop after that step."""
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        assert seqnet.quietly(*overrides, f"run_dir={run}").code == 143


@pytest.fixture
def gradients() -> Iterator[list[dict[int, torch.Tensor]]]:
    """What each optimiser step of a run's own parameters begins with."""
    found: list[dict[int, torch.Tensor]] = []

    def note(optimizer: torch.optim.Optimizer, *given: Any) -> None:
        grads = {
            place: parameter.grad.clone()
            for place, parameter in enumerate(optimizer.param_groups[0]["params"])
            if parameter.grad is not None
        }
        if any(grad.any() for grad in grads.values()):  # no trial over zeros
            found.append(grads)

    handle = register_optimizer_step_pre_hook(note)
    yield found
    handle.remove()


CHANGES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], dict[str, Any]]] = {
    "adamw": ("AdamW", (), ("optimizer.lr=3e-4", "optimizer.weight_decay=0.5", "optimizer.betas=[0.5,0.7]"), {}),
    "eps": ("AdamW", (), ("optimizer.eps=0.1",), {}),
    "amsgrad": ("AdamW", (), ("optimizer.amsgrad=true",), {"max_exp_avg_sq": 0.0}),
    "no amsgrad": ("AdamW", ("optimizer.amsgrad=true",), ("optimizer.amsgrad=false",), {}),
    "momentum": (
        "SGD",
        ("optimizer=sgd", "optimizer.momentum=0.9"),
        ("optimizer.momentum=0.3", "optimizer.dampening=0.5", "optimizer.weight_decay=0.1"),
        {},
    ),
    "new momentum": ("SGD", ("optimizer=sgd",), ("optimizer.momentum=0.9", "optimizer.nesterov=true"), {}),
    "no momentum": ("SGD", ("optimizer=sgd", "optimizer.momentum=0.9"), ("optimizer.momentum=0",), {}),
    "rmsprop": (
        "RMSprop",
        ("optimizer=rmsprop", "optimizer.lr=1e-3"),
        ("optimizer.momentum=0.5", "optimizer.alpha=0.5", "optimizer.centered=true"),
        {"momentum_buffer": 0.0, "grad_avg": 0.0},
    ),
    "adagrad": ("Adagrad", ("optimizer=adagrad",), ("optimizer.lr=0.1", "optimizer.lr_decay=0.01"), {}),
}


@pytest.mark.parametrize(("cls", "before", "changed", "begun"), CHANGES.values(), ids=CHANGES.keys())
def test_the_next_step_is_that_of_torchs_optimiser_with_the_stored_state_and_the_new_numbers(
    seqnet: Any,
    monkeypatch: pytest.MonkeyPatch,
    gradients: list[dict[int, torch.Tensor]],
    cls: str,
    before: tuple[str, ...],
    changed: tuple[str, ...],
    begun: dict[str, float],
) -> None:
    stopped(seqnet, monkeypatch, 5, *SMALL, *before)
    old = last("old")
    gradients.clear()
    found = seqnet("train", "resume=old", "run_dir=new", *changed, "training.max_steps=6")
    assert found.code == 0, found.err
    new = last("new")

    parameters = [torch.nn.Parameter(value.clone()) for value in old["parameters"].values()]
    options = {key: value for key, value in new["config"]["optimizer"].items() if key != "_target_"}
    by_hand = getattr(torch.optim, cls)(parameters, **options)
    wanted = {key: by_hand.param_groups[0][key] for key in options}
    by_hand.load_state_dict(old["optimizer"])
    by_hand.param_groups[0].update(wanted)
    for parameter in parameters:
        for name, value in begun.items():  # which the stored state has not
            by_hand.state[parameter][name] = torch.full_like(parameter, value)
    for place, parameter in enumerate(parameters):
        parameter.grad = gradients[-1].get(place)
    by_hand.step()
    for (name, value), wanted_value in zip(new["parameters"].items(), parameters, strict=True):
        assert torch.allclose(value, wanted_value.detach(), rtol=1e-6, atol=1e-8), name
    for key, value in wanted.items():
        assert new["optimizer"]["param_groups"][0][key] == value


def test_what_changed_is_told_once_and_stored_for_good(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stopped(seqnet, monkeypatch, 3, *SMALL)
    lr = last("old")["config"]["optimizer"]["lr"]
    typed = ("optimizer.lr=1e-5", "schedule=cosine", "schedule.final=0.1", "model.output_dropout=0.25")
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        found = seqnet("train", "resume=old", "run_dir=new", *typed, "observers.console=true")
    assert found.code == 143
    told = [line.removeprefix("changed").strip() for line in found.out.splitlines() if line.startswith("changed")]
    assert told == [
        f"optimizer.lr: {lr} -> 1e-05",
        "schedule: constant -> cosine",
        "schedule.final: null -> 0.1",
        "model.output_dropout: 0.0 -> 0.25",
    ]
    entry = {
        "path": "old/checkpoints/step_00000003",
        "step": 3,
        "changed": {
            "optimizer.lr": [lr, 1e-5],
            "schedule": ["constant", "cosine"],
            "schedule.final": [None, 0.1],
            "model.output_dropout": [0.0, 0.25],
        },
    }
    assert last("new")["config"]["continued_from"] == [entry]
    found = seqnet("train", "run_dir=new")
    assert (found.code, "changed " in found.out) == (0, False)
    assert seqnet.results("new")["continued_from"] == [entry]
    assert "continued_from:" in Path("new/config.yaml").read_text()
    assert (last("new")["config"]["optimizer"]["lr"], last("new")["config"]["model"]["output_dropout"]) == (1e-5, 0.25)

    assert seqnet("train", "resume=new", "run_dir=third", "training.max_epochs=3", "optimizer.lr=1e-6").code == 0
    second = {"training.max_epochs": [2, 3], "optimizer.lr": [1e-5, 1e-6]}
    stored = last("third")["config"]["continued_from"]
    assert [one["changed"] for one in stored] == [entry["changed"], second]
    assert seqnet.results("third")["continued_from"] == stored
    for command in ("evaluate", "predict"):
        assert seqnet(command, "run=third", stdin=b"[[0.5,1],[0.25,1]]\n").code == 0


def test_a_schedule_goes_on_by_the_share_of_training_that_is_done(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(seqnet, monkeypatch, 4, *SMALL)
    assert seqnet("train", "resume=old", "run_dir=new", "schedule=cosine", "optimizer.lr=0.5").code == 0
    rates = [row["learning_rate"] for row in seqnet.rows("new") if row["split"] == "train"]
    assert rates[4:] == pytest.approx([0.5 * 0.5 * (1 + math.cos(math.pi * step / 16)) for step in range(4, 16)])


def test_a_plateau_keeps_what_it_reached_unless_it_is_another_schedule(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, judge_run: Path
) -> None:
    reached = last(judge_run)["schedule"]
    assert reached["current"] < 1
    more = (f"resume={judge_run}", "training.max_steps=16", "training.max_epochs=null")
    assert seqnet("train", *more, "run_dir=same", "schedule.factor=0.1", "schedule.patience=9").code == 0
    assert last("same")["schedule"]["current"] == reached["current"]
    assert seqnet("train", *more, "run_dir=other", "schedule=constant").code == 0
    assert last("other")["schedule"] == {}
    assert seqnet("train", "resume=other", "run_dir=third", "training.max_steps=17", "schedule=plateau").code == 0
    assert last("third")["schedule"]["current"] == 1


KILLED = {
    "rows": ("classifier", ("optimizer.lr=1e-4", "data.batch_size=5", "model.dropout=0.4", "schedule=linear")),
    "rewinding": ("classifier", ("training.on_nonfinite=rewind", "training.ema_decay=0.9", "precision=bf16")),
    "text": ("language_model", ("training.window=25", "training.stride=null", "optimizer.weight_decay=0.3")),
    "lanes": ("language_model", ("data.batch_size=3", "training.accumulate=2", "training.monitor=accuracy")),
}


@pytest.mark.parametrize(("task", "changed"), KILLED.values(), ids=KILLED.keys())
def test_a_changed_run_that_is_killed_goes_on_to_the_same_end(
    seqnet: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    task: str,
    changed: tuple[str, ...],
) -> None:
    stopped(seqnet, monkeypatch, 4, *request.getfixturevalue(task))
    before = {path: path.read_bytes() for path in Path("old").rglob("*") if path.is_file()}
    found = seqnet("train", "resume=old", "run_dir=whole", *changed)
    assert found.code == 0, found.err

    class Killed(BaseException):
        """As SIGKILL, nothing is done after it."""

    def kill_at(step: int) -> Any:
        def kill(self: object, report: Any) -> None:
            if report.step == step:
                raise Killed

        return kill

    for step in (5, 7):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(MetricsFile, "on_step", kill_at(step))
            again = ("run_dir=run",) if Path("run").exists() else ("resume=old", "run_dir=run", *changed)
            seqnet("train", *again, "checkpoint.every_steps=3")
    assert seqnet("train", "run_dir=run").code == 0
    apart = ("config", "snapshots")  # `checkpoint.every_steps`, and which snapshots there are when it is written
    assert seqnet.fingerprint("run", without=apart) == seqnet.fingerprint("whole", without=apart)
    assert seqnet.rows("run") == seqnet.rows("whole")
    assert seqnet.results("run")["continued_from"] == seqnet.results("whole")["continued_from"]
    assert {path: path.read_bytes() for path in Path("old").rglob("*") if path.is_file()} == before


def test_a_change_survives_a_crash_before_its_first_step(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, classifier: tuple[str, ...]
) -> None:
    stopped(seqnet, monkeypatch, 7, *classifier)
    rename = checkpoint.rename

    def crash(folder: Path, final: Path) -> None:
        raise RuntimeError("the machine is gone")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "rename", crash)
        assert seqnet("train", "resume=old", "run_dir=new", "optimizer.lr=1e-5").code == 1
    found = seqnet("train", "run_dir=new")
    assert (found.code, "there is no checkpoint" in found.err) == (5, True)  # and not the run without the change
    shutil.rmtree("new")

    def crash_after(folder: Path, final: Path) -> None:
        rename(folder, final)
        raise RuntimeError("the machine is gone")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "rename", crash_after)
        assert seqnet("train", "resume=old", "run_dir=new", "optimizer.lr=1e-5").code == 1
    assert manifest.step_of(manifest.find(Path("new"), "best")) in [
        step for _, step in last("old")["early_stopping"]["best"]
    ]
    assert seqnet("train", "run_dir=new").code == 0
    assert last("new")["config"]["optimizer"]["lr"] == 1e-5


def test_where_only_what_is_read_next_changes_the_rest_is_as_it_was(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the border of an epoch another batch size is that of a run whose batches always had it."""
    stopped(seqnet, monkeypatch, 8, *SMALL)
    old = last("old")
    assert (old["data_position"]["epoch"], old["data_position"]["batch"]) == (1, 0)
    read: list[int] = []

    def on_step(self: object, report: Any) -> None:
        read.append(report.window.size)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsFile, "on_step", on_step)
        found = seqnet("train", "resume=old", "run_dir=new", "data.batch_size=16", "observers.console=true")
    assert found.code == 0
    assert read == [16] * 4
    assert "other batches" not in found.out
    new = last("new")
    assert (new["data_position"]["epoch"], new["counters"]["step"]) == (2, 12)


@pytest.mark.parametrize(
    ("step", "size", "share", "left"),
    [(4, 16, "50.0%", 2), (5, 16, "50.0%", 2), (7, 32, "50.0%", 1), (3, 4, "37.5%", 10), (1, 64, "", 1)],
)
def test_within_an_epoch_another_batch_size_goes_on_at_the_same_share_of_it(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, step: int, size: int, share: str, left: int
) -> None:
    """Of 8 batches of 8 rows `step` are read; `left` of the new size are left."""
    stopped(seqnet, monkeypatch, step, *SMALL)
    options = (f"data.batch_size={size}", "training.max_epochs=1", "observers.console=true")
    found = seqnet("train", "resume=old", "run_dir=new", *options)
    assert found.code == 0, found.err
    assert seqnet.results("new")["steps"] == step + left
    assert (f"epoch 1 goes on at {share} in other batches" in found.out) == bool(share)


def test_within_a_text_another_window_goes_on_at_the_same_place(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, language_model: tuple[str, ...]
) -> None:
    stopped(seqnet, monkeypatch, 6, *language_model)
    old = last("old")["data_position"]
    assert (old["batch"], old["window"]) == (0, 6)
    begins: list[torch.Tensor] = []
    with monkeypatch.context() as patch:
        patch.setattr(MetricsFile, "on_step", lambda self, report: begins.append(report.window.inputs))
        options = ("training.window=60", "training.stride=null", "observers.console=true")
        found = seqnet("train", "resume=old", "run_dir=new", *options)
    assert found.code == 0, found.err
    assert (
        f"goes on at {old['share']:.1%} in other batches, without carried state" in found.out
    )  # 180 = 6 * 30 = 3 * 60
    assert begins[0].shape == (4, 60)
    stopped(seqnet, monkeypatch, 7, *language_model, run="further")  # whose last window is the text's steps 180 to 220
    with monkeypatch.context() as patch:
        windows: list[torch.Tensor] = []
        patch.setattr(MetricsFile, "on_step", lambda self, report: windows.append(report.window.inputs))
        assert seqnet("train", "resume=old", "run_dir=same", "training.max_steps=7").code == 0
    assert torch.equal(begins[0][:, :40], windows[0])


def test_another_monitor_chooses_the_best_anew(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, classifier: tuple[str, ...]
) -> None:
    stopped(seqnet, monkeypatch, 6, *classifier, "training.patience=1")
    assert last("old")["early_stopping"]["best"]
    options = ("training.monitor=macro_f1", "training.max_steps=10", "observers.console=true")
    found = seqnet("train", "resume=old", "run_dir=new", *options)
    assert found.code == 0
    assert "changed     the best checkpoint is chosen among those to come" in found.out
    results = seqnet.results("new")
    assert (results["monitor"], results["best"]["step"] > 6) == ("macro_f1", True)
    assert results["best"]["macro_f1"] == max(
        row["macro_f1"] for row in seqnet.rows("new") if row["split"] == "valid" and row["step"] > 6
    )


def test_a_moving_average_begins_with_the_weights_and_ends_when_it_is_switched_off(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(seqnet, monkeypatch, 5, *SMALL)
    old = last("old")
    assert seqnet("train", "resume=old", "run_dir=on", "training.ema_decay=0.25", "training.max_steps=6").code == 0
    on = last("on")
    for name, average in on["ema"].items():
        wanted = 0.25 * old["parameters"][name] + 0.75 * on["parameters"][name]
        assert torch.allclose(average, wanted, rtol=1e-6, atol=1e-7)
    assert seqnet("train", "resume=on", "run_dir=off", "training.ema_decay=null", "training.max_steps=7").code == 0
    assert last("off")["ema"] == {}
    mean = ("training.ema_decay=null", "training.average_after=5", "training.max_steps=7")
    assert seqnet("train", "resume=on", "run_dir=mean", *mean).code == 0  # another average, which has not begun
    assert last("mean")["ema"] == {} and last("mean")["averaging"]["count"] == 0


def test_half_precision_begins_with_a_scale_of_its_own(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(seqnet, monkeypatch, 3, *SMALL)
    assert seqnet("train", "resume=old", "run_dir=fp16", "precision=fp16", "training.max_steps=4").code == 0
    assert last("fp16")["scaler"]["scale"] > 0
    assert seqnet("train", "resume=fp16", "run_dir=fp32", "precision=fp32", "training.max_steps=5").code == 0
    assert last("fp32")["scaler"] == {}


def test_a_rewind_after_a_change_keeps_the_change(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, novel: Path, language_model: tuple[str, ...]
) -> None:
    """Snapshots hold the optimiser's old numbers, and would bring them back."""
    stopped(seqnet, monkeypatch, 6, *language_model, "training.on_nonfinite=rewind")
    assert last("old")["snapshots"]
    changed = ("optimizer.weight_decay=0.5", "training.max_steps=7")
    assert seqnet("train", "resume=old", "run_dir=new", *changed).code == 0
    new = last("new")
    for held in (new, *new["snapshots"]):
        assert held["optimizer"]["param_groups"][0]["weight_decay"] == 0.5
    assert len(new["snapshots"]) == 2
    assert (
        seqnet("train", "resume=old", "run_dir=raising", "training.on_nonfinite=raise", "training.max_steps=7").code
        == 0
    )
    assert last("raising")["snapshots"] == []


@pytest.mark.parametrize(
    "typed",
    ["model.hidden_size=9", "model.num_layers=3", "cell=gru", "cell.forget_bias=0", "optimizer=sgd", "seed=2"]
    + ["optimizer._target_=torch.optim.SGD", "data.on_bad_row=skip", "objective.label_smoothing=0.1"],
)
def test_what_changes_shapes_or_meaning_is_refused_with_init_from(
    seqnet: Any, judge_run: Path, tmp_path: Path, typed: str
) -> None:
    found = seqnet("train", f"resume={judge_run}", "run_dir=new", typed)
    assert found.code == 2, found
    assert f"init_from={judge_run} in place of resume={judge_run}" in found.err
    assert found.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("optimizer", "typed"),
    [("rprop", "optimizer.lr=1"), ("adagrad", "optimizer.initial_accumulator_value=1")],
)
def test_what_an_optimiser_only_begins_with_is_refused(seqnet: Any, optimizer: str, typed: str) -> None:
    options = (f"optimizer={optimizer}", "training.max_epochs=null", "training.max_steps=1")
    assert seqnet.quietly(*SMALL, *options, "run_dir=old").code == 0
    found = seqnet("train", "resume=old", "run_dir=new", typed, "training.max_steps=2")
    assert (found.code, "init_from=old" in found.err) == (2, True)


@pytest.mark.parametrize(
    "typed", ["optimizer.lr=1", "schedule=cosine", "training.window=4", "model.dropout=0.5", "data.batch_size=9"]
)
def test_in_place_a_change_is_refused_with_the_way_to_make_it(seqnet: Any, judge_run: Path, typed: str) -> None:
    found = seqnet("train", f"run_dir={judge_run}", typed)
    assert found.code == 2
    way = f"resume={judge_run} run_dir=NEW {typed}"
    assert way in found.err.replace("optimizer.lr=1.0", "optimizer.lr=1")


def test_a_change_for_which_nothing_is_left_to_train_is_refused(seqnet: Any, judge_run: Path, tmp_path: Path) -> None:
    found = seqnet("train", f"resume={judge_run}", "run_dir=new", "optimizer.lr=1e-5")
    assert (found.code, "training.max_epochs=3 reached; raise that limit too" in found.err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_history_that_is_none_is_refused(seqnet: Any, judge_run: Path) -> None:
    for history in ({"a": 1}, [3], "text", [[]], [{"changed": {"_target_": "os.system"}}], [{"a": "x" * 20_000}]):
        shutil.rmtree("run", ignore_errors=True)
        shutil.copytree(judge_run, "run", symlinks=True)
        for path in checkpoint.existing(Path("run/checkpoints")):
            components = copy.deepcopy(checkpoint.read(path))
            components["config"]["continued_from"] = history
            checkpoint.write(Path("run/checkpoints"), manifest.step_of(path), components)
        for arguments in (("train", "run_dir=run", "training.max_epochs=4"), ("evaluate", "run=run")):
            found = seqnet(*arguments)
            assert (found.code, found.err.count("\n")) == (2, 1), found
