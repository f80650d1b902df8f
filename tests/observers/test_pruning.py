"""A job of a search that is worse than the others were is given up, and has made no other number by then."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqnet import leaderboard
from seqnet.batch import EvaluationReport
from seqnet.observers.pruning import Pruning
from seqnet.study import FILE, Median
from seqnet.training.progress import Stopping

pytest.importorskip("optuna")


def test_a_job_that_is_given_up_has_made_the_rows_of_the_same_run_alone(seqnet, jobs_inside):
    settings = ["experiment=adding", "data.length=5", "model.hidden_size=8", "observers.tensorboard=false"]
    settings += ["observers.console=false", "training.max_steps=6", "training.evaluate_every_steps=2", "threads=1"]
    search = ["sweep=tpe", "sweep.trials=2", "sweep.seed=5", "sweep.warmup_trials=1", "sweep.warmup_evaluations=1"]
    train = ["train", "-m", *settings, *search, "optimizer.lr=tag(log,interval(1e-5,1e-1))", "run_dir=mine"]
    assert seqnet(*train).code == 0
    done, pruned = leaderboard.listed(Path("mine"))
    assert (done.status, pruned.status) == ("done", "pruned")
    assert seqnet("train", *settings, f"optimizer.lr={pruned.overrides['optimizer.lr']}", "run_dir=alone").code == 0
    rows, alone = ((Path(name) / "metrics.jsonl").read_text().splitlines() for name in (f"mine/{pruned.name}", "alone"))
    until = [row for row in rows if json.loads(row)["split"] != "test"]
    assert until == alone[: len(until)] and len(until) < len(alone) - 1
    assert json.loads(until[-1])["step"] == 4  # the first evaluation that does not pass
    results = json.loads(Path(f"mine/{pruned.name}/results.json").read_text())
    assert results["reason"].startswith("pruned: worse than the median") and results["test"]


def report(folder, score):
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 1, "split": "valid", "loss": score}) + "\n")
    return EvaluationReport(step=1, epoch=0, split="valid", scores={"loss": score}, seconds=1.0)


def test_a_run_that_is_of_no_search_is_let_be(tmp_path):
    observer = Pruning(Median(0, 0))
    observer.on_start(SimpleNamespace(folder=tmp_path / "job", monitor="loss"))
    (tmp_path / "job").mkdir()
    observer.on_evaluation(report(tmp_path / "job", 1.0))
    assert not observer.gives_up


def test_a_study_that_cannot_be_asked_ends_no_run(tmp_path, capsys):
    (tmp_path / FILE).write_text("this is no database")
    observer = Pruning(Median(0, 0))
    observer.on_start(SimpleNamespace(folder=tmp_path / "job", monitor="loss"))
    (tmp_path / "job").mkdir()
    observer.on_evaluation(report(tmp_path / "job", 1.0))
    assert not observer.gives_up
    told = capsys.readouterr().err
    assert told.startswith(f"seqnet: {tmp_path}: the study cannot be asked, so this job is not pruned: ")
    assert told.count("\n") == 1


def test_what_is_given_up_stops_but_a_checkpoint_does_not_say_so():
    stopping = Stopping("loss")
    stopping.given_up = True
    assert stopping.stop
    again = Stopping("loss")
    again.restore(stopping.state())
    assert not again.stop
