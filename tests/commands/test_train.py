"""What a training run writes, refuses and says."""

import json
import math
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from seqnet.commands import scoring
from seqnet.observers.metrics_file import MetricsFile
from seqnet.tasks.many_to_one import ManyToOne
from seqnet.training import checkpoint

ADDING = (
    "experiment=adding",
    "data.length=10",
    "data.train_size=64",
    "data.valid_size=20",
    "data.test_size=20",
    "data.batch_size=16",
    "model.hidden_size=8",
    "training.max_epochs=2",
)


def test_a_run_folder_is_as_the_contract_says(seqnet: Any, tmp_path: Path) -> None:
    found = seqnet("train", *ADDING, "device=cpu", "checkpoint.every_steps=3")
    assert found.code == 0, found.err
    (run,) = (tmp_path / "outputs/adding").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", run.name)
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoints",
        "config.yaml",
        "metrics.jsonl",
        "results.json",
        "tensorboard",
        "train.log",
    ]
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["length"] == 10
    assert config["groups"]["experiment"] == "adding"
    assert "${" not in (run / "config.yaml").read_text()

    table = seqnet.rows(run)
    assert [(row["step"], row["epoch"], row["split"]) for row in table] == [
        (4, 1, "train"),
        (4, 1, "valid"),
        (8, 2, "train"),
        (8, 2, "valid"),
        (8, 2, "test"),
    ]
    for row in table:
        assert all(isinstance(value, (int, float, str)) for value in row.values())
        assert not [key for key in row if re.search("second|time|speed|path|minute", key)]
    assert {"loss", "mse", "mae", "r2"} <= table[1].keys()

    reached = seqnet.results(run)
    best = min((row for row in table if row["split"] == "valid"), key=lambda row: row["loss"])
    assert reached["best"] == {key: best[key] for key in ("step", "loss", "mse", "mae", "r2")}
    assert reached["last"] == {key: table[3][key] for key in ("step", "loss", "mse", "mae", "r2")}
    assert reached["test"].keys() == {"loss", "mse", "mae", "r2"}
    assert reached["parameters"] == 4 * 8 * (2 + 8 + 2) + 8 + 1
    assert (reached["steps"], reached["epochs"], reached["bad_rows"], reached["skipped_steps"]) == (8, 2, 0, 0)
    assert reached["reason"] == "training.max_epochs=2 reached"
    assert 0 < reached["seconds"] < 60
    assert reached["versions"]["torch"] == torch.__version__

    folder = run / "checkpoints"
    kept = sorted(path.name for path in folder.iterdir())
    assert {"best", "last", "step_00000006", "step_00000008"} <= set(kept) <= {*kept, f"step_{best['step']:08d}"}
    assert os.readlink(folder / "last") == "step_00000008"
    assert os.readlink(folder / "best") == f"step_{best['step']:08d}"
    assert not [name for name in kept if name.startswith(".")]
    assert f"run folder  {run.relative_to(tmp_path)}" in found.out
    assert "run folder" in (run / "train.log").read_text()
    assert list((run / "tensorboard").iterdir())


def test_a_checkpoint_is_written_before_the_first_step(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, report: object) -> None:
        raise RuntimeError("the first step is done")

    monkeypatch.setattr(MetricsFile, "on_step", fail)
    assert seqnet.quietly(*ADDING, "run_dir=run").code == 1
    assert [path.name for path in checkpoint.existing(Path("run/checkpoints"))] == ["step_00000000"]


def test_the_newest_two_and_the_best_are_kept(seqnet: Any) -> None:
    steep = ("optimizer=sgd", "optimizer.lr=5", "training.clip_norm=null")  # the first evaluation is the best
    assert seqnet.quietly(*ADDING, *steep, "run_dir=run", "checkpoint.every_steps=1").code == 0
    names = [path.name for path in checkpoint.existing(Path("run/checkpoints"))]
    assert names == ["step_00000008", "step_00000007", f"step_{seqnet.results('run')['best']['step']:08d}"]


@pytest.mark.parametrize(
    ("override", "code", "sentence"),
    [
        ("training.max_epochs=0", 2, "training.max_epochs=0"),
        ("training.monitor=accuracy", 2, "is no score of this run: choose loss or mse or mae"),
        ("training.monitor=accurracy", 2, "is no score of this run: choose loss or mse or mae"),
        ("device=cuda", 2, "device=cuda"),
        ("cell._target_=seqnet.cells.lstm.LSTMM", 2, "seqnet.cells.lstm has no LSTMM; did you mean 'LSTM'?"),
        ("cell._target_=nowhere.Cell", 2, "cannot import nowhere.Cell"),
        ("init_from=nowhere", 5, "nowhere does not exist"),
        ("resume=nowhere", 5, "nowhere does not exist"),
    ],
)
def test_what_is_refused_leaves_no_folder(
    seqnet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, code: int, sentence: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = seqnet.quietly(*ADDING, override)
    assert (found.code, found.out) == (code, "")
    assert sentence in found.err
    assert found.err.startswith("seqnet: ")
    assert found.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_task_that_is_not_the_datas_is_refused_before_a_folder_is_made(seqnet: Any, tmp_path: Path) -> None:
    found = seqnet("train", "experiment=adding", "task=many_to_many", "device=cpu")
    assert found.code == 2
    assert "task=many_to_one" in found.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("contents", "place"),
    [("text,label\n" + "good,1\n" * 9 + ",0\n", "line 11"), ("", "bad.csv"), ("words,label\ngood,1\n", "'text'")],
)
def test_bad_data_leaves_no_folder(
    seqnet: Any, tmp_path: Path, classifier: tuple[str, ...], contents: str, place: str
) -> None:
    (tmp_path / "bad.csv").write_text(contents)
    found = seqnet.quietly(*classifier, "data.path=bad.csv")
    assert found.code == 3
    assert place in found.err
    assert found.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize("run_dir", ["file", "file/run"])
def test_a_run_folder_that_cannot_be_is_refused_at_once(seqnet: Any, run_dir: str) -> None:
    Path("file").write_text("")
    found = seqnet.quietly(*ADDING, f"run_dir={run_dir}")
    assert found.code == 2
    assert found.err == f"seqnet: run_dir={run_dir}: file is a file, not a folder; give another run_dir\n"


def test_no_permission_to_write_is_said_at_once(seqnet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = seqnet.quietly(*ADDING, "run_dir=run")
    assert found.code == 6
    assert "no permission to write" in found.err
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_not_finite_ends_with_code_4_and_checkpoints_that_load(seqnet: Any) -> None:
    wild = ("optimizer=sgd", "optimizer.lr=1e30", "training.clip_norm=null", "cell=rnn", "cell.nonlinearity=linear")
    found = seqnet.quietly(*ADDING, *wild, "run_dir=run")
    assert found.code == 4
    assert found.err.count("\n") == 1
    assert re.search(r"step \d+ \(epoch 1, batch \d+, window 0\), first seen in .*optimizer\.lr", found.err)
    assert not Path("run/results.json").exists()
    assert seqnet("checkpoint", "verify", "run").code == 0
    assert seqnet("evaluate", "run=run").code == 0


def test_steps_that_are_not_finite_can_be_skipped_and_are_counted(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    true_loss, calls = ManyToOne.loss, []

    def loss(self: ManyToOne, output: object, batch: object) -> torch.Tensor:
        calls.append(1)
        found = true_loss(self, output, batch)  # type: ignore[arg-type]
        return found * math.nan if len(calls) in (2, 5) else found

    monkeypatch.setattr(ManyToOne, "loss", loss)
    assert seqnet.quietly(*ADDING, "training.on_nonfinite=skip", "run_dir=run").code == 0
    assert len(calls) == 8
    assert (seqnet.results("run")["steps"], seqnet.results("run")["skipped_steps"]) == (6, 2)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_on_a_cpu(seqnet: Any, monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    # With torch's own first scale of 65,536 the first steps would overflow and be left out.
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=256.0))
    found = seqnet.quietly(*ADDING, f"precision={precision}", "training.log_every_steps=1", "run_dir=run")
    assert found.code == 0, found.err
    assert seqnet.quietly(*ADDING, "training.log_every_steps=1", "run_dir=whole").code == 0
    half, whole = (seqnet.rows(run)[0]["loss"] for run in ("run", "whole"))
    assert half != whole
    assert half == pytest.approx(whole, rel=0.02)
    again = seqnet("evaluate", "run=run").rows[0]
    assert {key: again[key] for key in seqnet.results("run")["test"]} == seqnet.results("run")["test"]


def test_windows_of_one_step_are_accumulated(seqnet: Any) -> None:
    assert seqnet.quietly(*ADDING, "training.accumulate=2", "run_dir=two").code == 0
    assert seqnet.quietly(*ADDING, "data.batch_size=32", "run_dir=one").code == 0
    assert seqnet.results("two")["steps"] == seqnet.results("one")["steps"] == 4


def test_patience_ends_a_run(seqnet: Any) -> None:
    still = ("optimizer=sgd", "optimizer.lr=1e-30", "training.patience=2", "training.max_epochs=50")
    assert seqnet.quietly(*ADDING, *still, "run_dir=run").code == 0
    reached = seqnet.results("run")
    assert (reached["epochs"], reached["best"]["step"]) == (3, 12)  # of equal ones the last is the best
    assert reached["reason"] == "stopped early: 2 evaluations without a better loss (training.patience=2)"
    found = seqnet("train", "run_dir=run")
    assert (found.code, "is complete: stopped early" in found.out) == (0, True)


def test_processes_that_make_batches_change_no_number(
    seqnet: Any, classifier: tuple[str, ...], judge_run: Path
) -> None:
    assert seqnet.quietly(*classifier, "data.num_workers=1", "run_dir=run").code == 0
    assert seqnet.fingerprint("run", without=("config",)) == seqnet.fingerprint(judge_run, without=("config",))


def test_determinism_belongs_to_the_run_that_asks_for_it(seqnet: Any) -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)  # as somebody may have asked for before
    assert seqnet.quietly(*ADDING, "deterministic=true", "run_dir=one").code == 0
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert seqnet.quietly(*ADDING, "run_dir=two").code == 0
    assert not torch.are_deterministic_algorithms_enabled()
    assert seqnet.fingerprint("one", without=("config",)) == seqnet.fingerprint("two", without=("config",))


@pytest.mark.parametrize(
    "options",
    [
        ("checkpoint.every_steps=4", "checkpoint.keep=9", "observers.samples=false", "observers.sample_length=200"),
        ("checkpoint.every_minutes=1e-9", "checkpoint.keep=1", "observers.sample_length=50"),
        ("observers.tensorboard=true", "observers.console=true"),
    ],
)
def test_saving_and_watching_change_no_number(
    seqnet: Any, language_model: tuple[str, ...], writer_run: Path, options: tuple[str, ...]
) -> None:
    assert seqnet.quietly(*language_model, *options, "run_dir=run").code == 0
    assert seqnet.fingerprint("run", without=("config",)) == seqnet.fingerprint(writer_run, without=("config",))
    assert seqnet.rows("run") == seqnet.rows(writer_run)


def test_minutes_are_a_limit(seqnet: Any) -> None:
    limit = ("training.max_epochs=null", "training.max_minutes=0.02")
    assert seqnet.quietly(*ADDING, *limit, "run_dir=run").code == 0
    reached = seqnet.results("run")
    assert reached["reason"] == "training.max_minutes=0.02 reached"
    assert 1.2 <= reached["seconds"] < 60


def test_a_run_starts_from_the_weights_of_another(seqnet: Any, writer_run: Path, novel: Path) -> None:
    lstm = ("experiment=tiny_shakespeare", "cell=lstm", f"data.path={novel}")
    model = (*lstm, "model.hidden_size=8", "model.embedding_size=4")
    still = ("optimizer.lr=1e-30", "training.max_steps=1", "training.max_minutes=null")
    found = seqnet.quietly(*model, *still, f"init_from={writer_run}", "run_dir=run")
    assert found.code == 0, found.err
    assert seqnet.fingerprint("run")["parameters"] == seqnet.fingerprint(writer_run, "best")["parameters"]
    assert seqnet.fingerprint("run")["data"] == seqnet.fingerprint(writer_run)["data"]
    found = seqnet.quietly(*ADDING, f"init_from={writer_run}", "run_dir=other")
    assert found.code == 2
    assert "was trained on seqnet.data.dataset.Dataset" in found.err
    assert not Path("other").exists()


def test_overfitting_one_batch_drives_the_loss_to_zero(seqnet: Any, reviews: Path) -> None:
    columns = (
        "data.fields.text.column=text",
        "data.fields.label.column=label",
        "model.hidden_size=32",
        "model.embedding_size=16",
    )
    found = seqnet("train", "experiment=sst2", f"data.path={reviews}", *columns, "debug=overfit", "run_dir=run")
    assert found.code == 0, found.err
    assert seqnet.rows("run")[-1]["loss"] < 0.02
    assert seqnet.results("run")["steps"] == 300


def test_a_profile_is_a_chrome_trace(seqnet: Any) -> None:
    assert seqnet.quietly(*ADDING, "training.max_epochs=10", "debug=profile", "run_dir=run").code == 0
    trace = json.loads(Path("run/trace.json").read_text())
    assert any("aten::" in event.get("name", "") for event in trace["traceEvents"])
    assert seqnet.results("run")["steps"] == 10


def test_a_score_that_no_row_of_validation_has_is_refused_before_anything_is_written(seqnet: Any) -> None:
    sizes = ("data.train_size=40", "data.valid_size=10", "data.test_size=10", "data.length=4", "data.held_out_length=4")
    found = seqnet("train", "experiment=reverse", *sizes, "training.monitor=exact_match_longer", "run_dir=run")
    assert found.code == 2 and "is a score of rows that the validation split has none of" in found.err, found.err
    assert not Path("run").exists()


def test_without_tensorboard_it_is_not_named_as_what_comes_next(seqnet: Any, language_model: tuple[str, ...]) -> None:
    assert seqnet.quietly(*language_model, "training.max_steps=2", "run_dir=one/run").code == 0
    assert not any("tensorboard" in line for line in seqnet.results(Path("one/run"))["next"])


def test_what_to_type_next_can_be_typed(seqnet: Any, language_model: tuple[str, ...]) -> None:
    where = "two words"
    shown = "observers.tensorboard=true"
    assert seqnet.quietly(*language_model, "training.max_steps=2", f"run_dir={where}", shown).code == 0
    generate, evaluate, board = seqnet.results(where)["next"]
    assert generate == "seqnet generate run='two words'"
    assert evaluate == "seqnet evaluate run='two words' split=valid"
    assert board == "tensorboard --logdir ."
    assert seqnet("generate", "run=two words", "length=5").code == 0
    assert seqnet("evaluate", "run=two words", "split=valid").code == 0


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (("training.max_steps=5",), 5),
        (("training.max_steps=20",), 8),  # of the epochs, which come first
        (("training.accumulate=3",), 4),
        (("training.window=100", "training.max_steps=5"), 5),
    ],
)
def test_a_warm_up_that_training_never_ends_is_refused(
    seqnet: Any, tmp_path: Path, options: tuple[str, ...], steps: int
) -> None:
    found = seqnet.quietly(*ADDING, *options, f"schedule.warmup_steps={steps + 1}", "run_dir=run")
    assert found.code == 2
    assert f"schedule.warmup_steps={steps + 1} is beyond the end of training, which has {steps} steps" in found.err
    assert not list(tmp_path.iterdir())
    assert seqnet.quietly(*ADDING, *options, f"schedule.warmup_steps={steps}", "run_dir=run").code == 0


def test_a_warm_up_of_an_experiment_that_training_never_ends_is_told(seqnet: Any, classifier: tuple[str, ...]) -> None:
    for options, steps in ((("training.max_steps=3",), 3), ((), 15)):
        found = seqnet.quietly(*classifier, *options, f"run_dir=run{steps}")
        assert found.code == 0
        assert f"warmup_steps=50 is beyond the end of training, which has {steps} steps" in found.err
    assert not seqnet.quietly(*classifier, "debug=quick", "training.max_epochs=1", "run_dir=quick").err


def scored(monkeypatch: pytest.MonkeyPatch, *told: dict[str, float]) -> None:
    """Let the evaluations of a run tell this, the last again and again."""
    evaluate, given = scoring.evaluate, iter(told)

    def another(*arguments: Any, **named: Any) -> Any:
        scores, judge = evaluate(*arguments, **named)
        return {**scores, **next(given, told[-1])}, judge

    monkeypatch.setattr(scoring, "evaluate", another)


def test_of_equal_scores_the_lower_loss_is_best(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = (5.0, 2.0, 1.0, 3.0)
    scored(monkeypatch, *({"mae": 0.5, "loss": loss} for loss in losses))
    options = ("training.monitor=mae", "training.max_epochs=4", "training.patience=2")
    found = seqnet.quietly(*ADDING, *options, "run_dir=run", "observers.console=true")
    assert os.readlink("run/checkpoints/best") == "step_00000012"
    assert [line.endswith("best") for line in found.out.splitlines() if "valid loss" in line][:4] == [True] * 3 + [
        False
    ]
    assert seqnet.results("run")["epochs"] == 4  # the loss stands in for a score that never moved


def test_a_loss_that_is_not_a_number_is_never_best_and_no_json_holds_it(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nan, inf = float("nan"), float("inf")
    scored(monkeypatch, {"mae": 0.1, "loss": nan}, {"mae": 0.5, "loss": 1.0, "mse": inf}, {"mae": 0.1, "loss": nan})
    options = ("training.monitor=mae", "training.max_epochs=3", "checkpoint.keep_best=3", "checkpoint.keep=9")
    found = seqnet.quietly(*ADDING, *options, "run_dir=run", "observers.console=true")
    assert found.code == 0, found.err
    assert os.readlink("run/checkpoints/best") == "step_00000008"
    assert [line.endswith("best") for line in found.out.splitlines() if "valid loss" in line] == [False, True, False]

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    files = [path for path in Path("run").rglob("*.json*") if path.is_file()]
    assert {"metrics.jsonl", "results.json", "metrics.json", "early_stopping.json"} <= {path.name for path in files}
    for path in files:
        for text in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
            json.loads(text, parse_constant=refuse)
    assert [row["loss"] for row in seqnet.rows("run") if row["split"] == "valid"] == [None, 1.0, None]
    last = checkpoint.read(Path("run/checkpoints/step_00000012"))["metrics"]["evaluated"]["scores"]
    assert last["loss"] != last["loss"] and last["mae"] == 0.1
    assert seqnet("train", "run_dir=run", "training.max_epochs=4").code == 0
    answer = seqnet("evaluate", "run=run", "split=valid")
    for line in answer.out.splitlines():
        json.loads(line, parse_constant=refuse)
