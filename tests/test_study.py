"""The study of a search: what is suggested, who takes which trial, and what is left when a worker is gone."""

import math
import multiprocessing
import os
import shutil
import signal
import sqlite3

import pytest

optuna = pytest.importorskip("optuna")

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

from seqnet import folders  # noqa: E402
from seqnet.errors import ConfigurationError, DiskError  # noqa: E402
from seqnet.study import FILE, JOBS, NAME, WORKERS, Median, Study, _storage, curve  # noqa: E402

SPACE = {
    "lr": FloatDistribution(1e-4, 1.0, log=True),
    "size": IntDistribution(1, 64),
    "cell": CategoricalDistribution(["gru", "rnn"]),
}
SAID = {"sweep": "tpe", "lr": "interval(1e-4,1)"}
LIMIT = 60  # seconds that a process may take


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A file without a study: to make one takes longer than what is done with it."""
    folder = tmp_path_factory.mktemp("empty")
    _storage(folder)
    return folder / FILE


@pytest.fixture(autouse=True)
def quick(empty, tmp_path, monkeypatch):
    """The disk is not waited for, which is the subject of other tests."""

    def connect(path, **options):
        if not path.exists():
            shutil.copy(empty, path)
        found = kept(path, **options)
        found.execute("PRAGMA synchronous = OFF")
        return found

    kept = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)


def study(folder, seed=1, **more):
    def sampler(number):
        return optuna.samplers.TPESampler(seed=number, n_startup_trials=3, multivariate=False)

    return Study(folder, sampler, seed, SPACE, "loss", {**SAID, **more})


def jobs(trial):
    return [f"job{trial.number}"]


def loss(values):
    return abs(math.log10(values["lr"]) + 2) + values["size"] / 64 + (values["cell"] == "rnn")


def search(folder, total, stop_after=None):
    """Take trials and tell their losses; the values of each. The last of `stop_after` is left untold."""
    found, seen = study(folder), []
    with found.working():
        while (trial := found.take(total, jobs)) is not None:
            seen.append(dict(trial.params))
            if len(seen) == stop_after:
                return seen
            found.tell(trial, loss(trial.params))
    return seen


def stored(folder):
    return optuna.load_study(study_name=NAME, storage=_storage(folder)).get_trials()


def test_a_search_that_was_killed_suggests_what_it_would_have(tmp_path):
    whole = search(tmp_path / "whole", 5)
    assert len(whole) == 5 and len({values["lr"] for values in whole}) == 5
    killed = search(tmp_path / "killed", 5, stop_after=4)
    killed += search(tmp_path / "killed", 5, stop_after=1)  # the same trial once more, which again is not told
    killed += search(tmp_path / "killed", 5)
    assert killed == [*whole[:4], whole[3], *whole[3:]]
    assert [trial.number for trial in stored(tmp_path / "killed")] == list(range(5))
    assert {trial.state for trial in stored(tmp_path / "killed")} == {TrialState.COMPLETE}
    assert search(tmp_path / "killed", 5) == []
    assert len(search(tmp_path / "killed", 6)) == 1
    assert search(tmp_path / "killed", 4) == []
    assert [path.name for path in (tmp_path / "killed" / WORKERS).iterdir()] == ["turn"]


def test_values_that_were_drawn_before_the_end_stay(tmp_path, monkeypatch):
    """A worker can be killed between two keys of a trial."""
    (whole,) = search(tmp_path / "whole", 1)
    calls = []

    def suggest(trial, key, distribution):
        calls.append(key)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return kept(trial, key, distribution)

    import seqnet.study

    kept = seqnet.study._suggest
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(seqnet.study, "_suggest", suggest)
        search(tmp_path / "killed", 1)
    assert search(tmp_path / "killed", 1) == [whole]


def test_what_is_told_decides_what_is_tried_next(tmp_path):
    tried = {}
    for sign in (1, -1):
        found, tried[sign] = study(tmp_path / str(sign)), []
        with found.working():
            while (trial := found.take(4, jobs)) is not None:
                tried[sign].append(trial.params)
                found.tell(trial, sign * loss(trial.params))
    assert tried[1][:3] == tried[-1][:3] and tried[1][3] != tried[-1][3]


def test_another_seed_searches_elsewhere(tmp_path):
    first, other = study(tmp_path / "first"), study(tmp_path / "other", seed=2)
    assert first.take(1, jobs).params != other.take(1, jobs).params


def test_what_came_of_trials_is_told(tmp_path):
    found = study(tmp_path)
    with found.working():
        trials = [found.take(4, jobs) for _ in range(4)]
        found.tell(trials[0], 0.5)
        found.tell(trials[1], None)
        found.tell(trials[2], math.nan)
        curve(tmp_path / "job3", Median(0, 0)).report([3.0, 2.0])
        found.tell(trials[3], None, pruned=True)
        assert found.take(4, jobs) is None
    complete, failed, nan, pruned = stored(tmp_path)
    assert (complete.state, complete.value) == (TrialState.COMPLETE, 0.5)
    assert failed.state == nan.state == TrialState.FAIL
    assert (pruned.state, pruned.value) == (TrialState.PRUNED, 2.0)
    assert pruned.user_attrs[JOBS] == ["job3"]


def test_another_search_is_refused_in_the_folder(tmp_path):
    search(tmp_path, 1)
    for other, sentence in (
        (
            {"lr": "interval(1e-3,1)"},
            r"a search with lr=interval\(1e-4,1\), not with lr=interval\(1e-3,1\): type it as",
        ),
        ({"cell": "gru"}, "a search with no cell, not with cell=gru"),
    ):
        with pytest.raises(ConfigurationError, match=sentence):
            study(tmp_path, **other)
    assert len(search(tmp_path, 2)) == 1


def test_a_file_that_holds_no_study_is_named(tmp_path):
    (tmp_path / FILE).write_text("this is no database")
    with pytest.raises(DiskError, match=f"{FILE} cannot be used: file is not a database; give another run_dir"):
        study(tmp_path)


@pytest.mark.parametrize("name", ["a?b=c&d", "a%20b #ä'\"{x}"])
def test_any_name_of_a_folder_will_do(tmp_path, name):
    assert len(search(tmp_path / name, 1)) == 1
    assert (tmp_path / name / FILE).is_file()


# ------------------------------------------------------------------- several workers


def _work(folder, total, told, go):
    go.wait(LIMIT)
    found = study(folder)
    with found.working():
        while (trial := found.take(total, jobs)) is not None:
            told.put((os.getpid(), trial.number))
            found.tell(trial, loss(trial.params))


def test_two_workers_share_the_trials_and_none_runs_twice(tmp_path):
    context = multiprocessing.get_context("fork")
    told, go = context.Queue(), context.Barrier(2)
    workers = [context.Process(target=_work, args=(tmp_path, 5, told, go)) for _ in range(2)]
    for worker in workers:
        worker.start()
    taken = [told.get(timeout=LIMIT) for _ in range(5)]
    for worker in workers:
        worker.join(LIMIT)
        assert worker.exitcode == 0
    assert sorted(number for _, number in taken) == list(range(5))
    assert {trial.state for trial in stored(tmp_path)} == {TrialState.COMPLETE}


def _hang(folder, told):
    found = study(folder)
    with found.working():
        trial = found.take(3, jobs)
        told.put(dict(trial.params))
        signal.pause()


def test_a_worker_that_is_killed_leaves_its_trial_to_others(tmp_path):
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    worker = context.Process(target=_hang, args=(tmp_path, told))
    worker.start()
    values = told.get(timeout=LIMIT)
    found = study(tmp_path)
    with found.working():
        assert found.take(3, jobs).number == 1  # that of who is alive is let be
        worker.kill()
        worker.join(LIMIT)
        (tmp_path / "job0").mkdir()
        with folders.held(tmp_path / "job0"):  # its job outlived it
            assert found.take(3, jobs).number == 2
            assert found.take(3, jobs) is None
        again = found.take(3, jobs)
        assert (again.number, dict(again.params)) == (0, values)
        assert found.take(3, jobs) is None


# ------------------------------------------------------------------------- pruning


def test_a_trial_below_the_median_is_given_up(tmp_path):
    found, median = study(tmp_path), Median(trials=2, evaluations=1)
    with found.working():
        for curves in ([4.0, 3.0, 2.0], [5.0, 4.0, 3.0]):
            trial = found.take(9, jobs)
            told = curve(tmp_path / f"job{trial.number}", median)
            assert not any(told.report(curves[: number + 1]) for number in range(3))
            found.tell(trial, curves[-1])
        good, bad = found.take(9, jobs), found.take(9, jobs)
        told = curve(tmp_path / f"job{good.number}", median)
        assert not told.report([4.0]) and not told.report([4.0, 3.4])  # the median is 3.5
        told = curve(tmp_path / f"job{bad.number}", median)
        assert not told.report([9.0])  # evaluations that pass
        assert told.report([9.0, 3.6])
        # A run that goes on from a checkpoint makes the same evaluations again: what is told is told.
        again = curve(tmp_path / f"job{bad.number}", median)
        assert not again.report([9.0]) and not again.report([9.0, 3.6])
        assert again.report([9.0, 3.6, 3.6])


def test_who_is_no_job_of_a_search_has_no_curve(tmp_path):
    assert curve(tmp_path / "job0", Median(0, 0)) is None
    search(tmp_path, 1)
    for name in ("job0", "other"):  # one that is told, and none
        assert curve(tmp_path / name, Median(0, 0)) is None
    shutil.rmtree(tmp_path / WORKERS)
    assert search(tmp_path, 1) == []
