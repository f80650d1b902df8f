"""`sweep=random` and `sweep=tpe`: which jobs are run for a trial, what is told of them, and how a search goes on."""

import contextlib
import json
import math
import sqlite3
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

optuna = pytest.importorskip("optuna")

from optuna.trial import TrialState  # noqa: E402

from hydra_plugins.seqnet_sweeper import OptunaSweeper  # noqa: E402
from seqnet import sweep  # noqa: E402
from seqnet.errors import ConfigurationError  # noqa: E402
from seqnet.study import NAME, Median, _storage, curve  # noqa: E402

RANGE = "optimizer.lr=interval(0.1,9.9)"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The disk is not waited for, which is the subject of other tests."""

    def connect(path, **options):
        found = kept(path, **options)
        found.execute("PRAGMA synchronous = OFF")
        return found

    kept = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)


class Launcher:
    """Stands in for training: the loss of a job is its learning rate and a hundredth of its seed.

    how: of the job's number, "done", "failed", "interrupted" or "pruned"; killed: the number at which all ends.
    """

    def __init__(self, folder, how=lambda number: "done", killed=math.inf):
        self.folder, self.how, self.killed, self.batches = folder, how, killed, []

    @property
    def jobs(self):
        return [values for batch in self.batches for values in batch]

    def launch(self, batch, initial_job_idx):
        self.batches.append([])
        for overrides in batch:
            if len(self.jobs) == self.killed:
                raise KeyboardInterrupt
            values = dict(override.split("=", 1) for override in overrides)
            self.batches[-1].append(values)
            self.run(values, self.how(len(self.jobs) - 1))
        return [SimpleNamespace(return_value=None) for _ in batch]

    def run(self, values, how):
        swept = [f"{key}={value}" for key, value in values.items() if key in ("optimizer.lr", "seed", "cell")]
        job = self.folder / values["hydra.sweep.subdir"].strip("'")
        job.mkdir(exist_ok=True)
        loss = float(values["optimizer.lr"]) + float(values.get("seed", 0)) / 100
        status = {"status": "done" if how == "pruned" else how, "exit_code": 0, "overrides": swept}
        (job / "status.json").write_text(json.dumps(status))
        if how == "pruned":
            curve(job, Median(0, 0)).report([loss])
        if how in ("done", "pruned"):
            found = {"monitor": "loss", "best": {"loss": loss}, "pruned": how == "pruned"}
            (job / "results.json").write_text(json.dumps(found))


def search(folder, launcher, *arguments, trials=4, sampler="random", parallel=1, seeds=1, pruner=None):
    found = OptunaSweeper(sampler, trials, parallel, seed=3, seeds=seeds, pruner=pruner, monitor="loss")
    config = {"optimizer": {"lr": 0.1}, "hydra": {"sweep": {"dir": str(folder)}}}
    found.launcher, found.config = launcher, OmegaConf.create(config)
    found.validate_batch_is_legal = lambda batch: None
    with contextlib.suppress(KeyboardInterrupt):
        found.sweep([*(arguments or [RANGE])])
    return launcher.jobs


def trials(folder):
    return optuna.load_study(study_name=NAME, storage=_storage(folder)).get_trials()


def test_values_are_drawn_in_range_and_from_the_seed(tmp_path):
    space = ["optimizer.lr=tag(log,interval(1e-4,1e-2))", "model.hidden_size=interval(4,8)", "cell=choice(rnn,gru)"]
    jobs = search(tmp_path / "a", Launcher(tmp_path / "a"), *space, "seed=7")
    assert jobs == search(tmp_path / "b", Launcher(tmp_path / "b"), *space, "seed=7", parallel=2)
    assert len({values["optimizer.lr"] for values in jobs}) == 4
    assert all(1e-4 <= float(values["optimizer.lr"]) <= 1e-2 for values in jobs)
    assert all(values["model.hidden_size"] in "45678" and values["cell"] in ("rnn", "gru") for values in jobs)
    assert {values["seed"] for values in jobs} == {"7"}
    assert sweep.varied(tmp_path / "a") == []  # of a configuration that says nothing of what was typed


def test_each_trial_is_told_what_its_job_reached(tmp_path):
    launcher = Launcher(tmp_path, how=["done", "failed", "pruned", "done"].__getitem__)
    jobs = search(tmp_path, launcher, pruner="median")
    rates = [float(values["optimizer.lr"]) for values in jobs]
    states = [TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE]
    assert [trial.state for trial in trials(tmp_path)] == states
    assert [trial.value for trial in trials(tmp_path)] == [rates[0], None, rates[2], rates[3]]
    assert search(tmp_path, Launcher(tmp_path)) == []  # a trial that is told is not run again


def test_the_same_command_goes_on(tmp_path):
    whole = search(tmp_path / "whole", Launcher(tmp_path / "whole"), sampler="tpe")
    killed = search(tmp_path / "killed", Launcher(tmp_path / "killed", killed=2), sampler="tpe")
    rest = search(tmp_path / "killed", Launcher(tmp_path / "killed"), sampler="tpe")
    assert [*killed, *rest] == whole and len(killed) == 2
    assert len(search(tmp_path / "killed", Launcher(tmp_path / "killed"), sampler="tpe", trials=5)) == 1


def test_a_job_that_was_asked_to_stop_is_gone_on_with(tmp_path):
    (first, _) = search(tmp_path, Launcher(tmp_path, how=["interrupted", "done"].__getitem__), trials=2)
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.RUNNING, TrialState.COMPLETE]
    assert search(tmp_path, Launcher(tmp_path), trials=2) == [first]


SEEDS = "seed=1,2,3"


def test_with_several_seeds_the_mean_counts(tmp_path):
    launcher = Launcher(tmp_path, how=lambda number: "failed" if number == 4 else "done")
    jobs = search(tmp_path, launcher, RANGE, SEEDS, trials=2, seeds=3)
    assert [values["seed"] for values in jobs] == ["1", "2", "3"] * 2
    assert len({values["optimizer.lr"] for values in jobs}) == 2
    whole, failed = trials(tmp_path)
    assert whole.value == pytest.approx(float(jobs[0]["optimizer.lr"]) + 0.02)
    assert failed.state == TrialState.FAIL
    with pytest.raises(ConfigurationError, match="a search with seed=1,2,3, not with seed=1,2: type it as before"):
        search(tmp_path, launcher, RANGE, "seed=1,2", seeds=2)


def test_a_pruner_sees_the_first_seed_before_the_others_run(tmp_path):
    launcher = Launcher(tmp_path, how=lambda number: "pruned" if number == 0 else "done")
    search(tmp_path, launcher, RANGE, SEEDS, trials=2, parallel=2, seeds=3, pruner="median")
    assert [[values["seed"] for values in batch] for batch in launcher.batches] == [["1", "1"], ["2", "3"]]
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.PRUNED, TrialState.COMPLETE]


def test_seeds_that_are_no_repeats_are_drawn_as_any_other_key(tmp_path):
    jobs = search(tmp_path, Launcher(tmp_path), RANGE, "seed=1,2,3", trials=2)
    assert len(jobs) == 2 and {values["seed"] for values in jobs} <= {"1", "2", "3"}


def test_what_changes_no_number_may_be_typed_otherwise(tmp_path):
    search(tmp_path, Launcher(tmp_path), RANGE, "cell=gru", "checkpoint.keep=3", trials=1)
    free = ["checkpoint.keep=5", "+observers.mine=null", "sweep.trials=2", "threads=2"]
    assert len(search(tmp_path, Launcher(tmp_path), RANGE, "cell=gru", *free, trials=2)) == 1
    with pytest.raises(ConfigurationError, match=r"holds a search with cell=gru, not with cell=rnn"):
        search(tmp_path, Launcher(tmp_path), RANGE, "cell=rnn", trials=2)
    with pytest.raises(ConfigurationError, match=r"holds a search with sweep=random, not with sweep=tpe"):
        search(tmp_path, Launcher(tmp_path), RANGE, "cell=gru", trials=2, sampler="tpe")
