"""The jobs of a sweep, each in a process of its own: what ends one ends no other, and it is gone on with."""

import csv
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqnet import begun, folders, sweep

ENDS = """
import os
import signal
from pathlib import Path

import torch


class One(torch.optim.AdamW):
    steps = 0

    def step(self, closure=None):
        super().step(closure)
        self.steps += 1
        if self.steps == 2 and not Path("mended").exists():
            self.end()

    def end(self):
        pass


class Two(One):
    pass


class Three(One):
    pass


class Raises(One):
    def end(self):
        raise ZeroDivisionError("as code does")


class Diverges(One):
    def end(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                torch.nn.init.constant_(parameter, float("nan"))


class Exits(One):
    def end(self):
        os._exit(3)


class Killed(One):
    def end(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Memory(One):
    def end(self):
        torch.empty(1 << 50)
"""
WAYS = ("One", "Raises", "Diverges", "Exits", "Killed", "Memory", "Two", "Three")
QUIET = ("observers.console=false", "observers.tensorboard=false", "observers.memory=false", "data.num_workers=0")
TINY = (
    "experiment=adding",
    "data.length=5",
    "data.train_size=32",
    "data.valid_size=8",
    "data.test_size=8",
    "model.hidden_size=4",
    *QUIET,
)
SHORT = (*TINY, "debug=quick", "training.max_steps=3", "training.max_epochs=null")


def status(job: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job / "status.json").read_text())
    return found


def board(folder: Path) -> list[dict[str, str]]:
    with (folder / "leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def job(folder: str, *swept: str) -> Path:
    return Path(folder, sweep.named(swept))


def swept(*ways: str) -> str:
    return f"optimizer._target_={','.join(f'ways_to_end.{how}' for how in ways)}"


def begun_to_train(job: Path) -> bool:
    return (job / "metrics.jsonl").exists() and (job / "metrics.jsonl").stat().st_size > 0


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What jobs say. What forks them begins anew: that of an earlier test would speak where that one looked."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    yield capfd
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def test_five_of_eight_end_each_in_its_way_and_are_gone_on_with(seqnet: Any, told: Any) -> None:
    Path("ways_to_end.py").write_text(ENDS)
    train = ("train", "-m", *SHORT, "trust=[ways_to_end]", "run_dir=sweep")
    jobs = {how: job("sweep", f"optimizer._target_=ways_to_end.{how}") for how in WAYS}

    found = seqnet(*train, swept(*WAYS))
    assert found.code == 1
    codes = {how: status(folder)["exit_code"] for how, folder in jobs.items()}
    failed = {"Raises": 1, "Diverges": 4, "Exits": 3, "Killed": 137, "Memory": 7}
    assert codes == {**dict.fromkeys(WAYS, 0), **failed}
    assert "as code does" in status(jobs["Raises"])["error"]
    assert status(jobs["Exits"])["error"] == "its process ended with exit code 3 before the run did"
    assert status(jobs["Killed"])["error"] == "killed by signal 9 (SIGKILL): perhaps there was no memory left"
    assert status(jobs["Memory"])["error"].startswith("out of memory")
    assert [row["status"] for row in board(Path("sweep"))] == ["done"] * 3 + ["failed"] * 5
    said = told.readouterr().err + found.err
    assert all(f"seqnet: job {jobs[how].name} (optimizer._target_=ways_to_end.{how}): " in said for how in failed)

    Path("mended").touch()
    before = {how: (folder / "status.json").stat().st_mtime_ns for how, folder in jobs.items()}
    # The same jobs under another launcher, which has them run side by side; typed in another order, and one twice.
    side_by_side = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    again = seqnet(*train, swept(*reversed(WAYS), "One"), *side_by_side)
    assert again.out.startswith("3 of 8 jobs are done\n")
    assert len(re.findall(r"^job \d of 8 ", again.out, re.MULTILINE)) == 5
    assert {how for how, folder in jobs.items() if (folder / "status.json").stat().st_mtime_ns != before[how]} == {
        *failed
    }
    assert {how: status(folder)["status"] for how, folder in jobs.items() if how != "Diverges"} == dict.fromkeys(
        {*WAYS} - {"Diverges"}, "done"
    )
    # They differ in how they ended only, so all reach the same to the last bit, as does such a run alone.
    one = ("optimizer._target_=ways_to_end.One", "threads=1", "run_dir=alone")
    assert seqnet("train", *SHORT, *one).code == 0
    alone = Path("alone/metrics.jsonl").read_text()
    assert {(jobs[how] / "metrics.jsonl").read_text() for how in {*WAYS} - {"Diverges"}} == {alone}


def test_who_asks_a_sweep_to_stop_asks_its_jobs(seqnet: Any) -> None:
    endless = ("train", "-m", *TINY, "training.max_steps=1000000", "training.max_epochs=null", "run_dir=sweep")
    side_by_side = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=1,2,3")
    folders_ = [job("sweep", f"seed={seed}") for seed in (1, 2, 3)]

    def stop() -> None:
        until = time.monotonic() + 60
        while not all(map(begun_to_train, folders_[:2])) and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()
    found = seqnet(*endless, *side_by_side)
    thread.join()
    assert found.code == 130
    assert "seqnet: the sweep was stopped; go on with the same command and run_dir=sweep\n" in found.err
    assert [status(one)["status"] for one in folders_[:2]] == ["interrupted"] * 2
    assert not folders_[2].exists()
    for one in folders_[:2]:  # it stopped after a step, with a checkpoint of that
        last = (one / "checkpoints/last").resolve().name
        assert f"stopped at step {int(last.removeprefix('step_'))};" in (one / "output.log").read_text()


def test_a_job_that_another_process_runs_is_passed_over(seqnet: Any) -> None:
    first, second = (job("sweep", f"seed={seed}") for seed in (1, 2))
    first.mkdir(parents=True)
    with folders.held(first):
        (first / "status.json").write_text('{"status": "running", "exit_code": null, "overrides": ["seed=1"]}')
        found = seqnet("train", "-m", *SHORT, "run_dir=sweep", "seed=1,2")
    assert found.code == 0
    assert f"job 1 of 2 {first.name} (seed=1) runs elsewhere\n" in found.out
    assert status(first)["status"] == "running" and status(second)["status"] == "done"


def test_a_row_tells_how_far_a_job_is(tmp_path: Path) -> None:
    described = sweep.Status(tmp_path, ["cell=gru", "seed=1"], ["cell=gru"], 0, 1)
    one = begun.Begun(described, SimpleNamespace(pid=1), {"training": {"max_steps": 1200}})  # type: ignore[arg-type]
    assert begun._row(one)[1:] == ["cell=gru", "step 0 of 1,200", "", "0 s"]
    rows: Iterator[dict[str, Any]] = (
        {"step": step, "split": split, "loss": step / 8} for step in (1, 1100) for split in ("train", "valid")
    )
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 12')
    assert begun._row(one)[2:4] == ["step 1,100 of 1,200", "train loss 137.5 · valid loss 137.5"]
