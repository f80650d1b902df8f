"""Two processes at once: each makes a folder of its own, one folder has one of them, a killed one blocks nobody."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seqnet import sweep
from seqnet.training import checkpoint
from tests.faults.processes import STANDS, alive, children, state

QUIET = ("observers.tensorboard=false", "observers.console=false", "device=cpu", "threads=1")
SEEDS = (1, 2)
IN_USE = re.compile(r"seqnet: (\S+) is in use by process (\d+) on \S+ since [\d-]+ [\d:]+: wait for its end, or .+\n")

DONE: dict[str, str] = {}


@dataclass
class Two:
    """Two terminals, the overrides of a run, and that run of each seed as it is where it is alone."""

    terminals: tuple[Any, Any]
    overrides: tuple[str, ...]
    alone: dict[int, Path]
    differences: Callable[[Path, Path], list[str]]

    def together(self, folder: Path, *more: str) -> list[Any]:
        """Start the run with both seeds at once; how each ended."""
        folder.mkdir(exist_ok=True)
        for seed, terminal in zip(SEEDS, self.terminals, strict=True):
            terminal.start("seqnet", "train", *QUIET, *self.overrides, f"seed={seed}", *more, folder=folder)
        return [terminal.end() for terminal in self.terminals]

    def is_whole(self, run: Path, seed: int) -> bool:
        """Whether the run is as it would be alone, with nothing of another in it."""
        return not self.differences(run, self.alone[seed])


@pytest.fixture(scope="module")
def two(
    tmp_path_factory: pytest.TempPathFactory,
    terminal: Any,
    terminal_within: Any,
    small_runs: dict[str, tuple[str, ...]],
    train: Any,
    differences: Callable[[Path, Path], list[str]],
) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    overrides = (*small_runs["tags"], "training.max_epochs=3", "checkpoint.every_steps=3")
    for seed in SEEDS:
        code, told = train(overrides, folder / str(seed), {"seed": seed})
        assert code == 0, told
    with terminal_within(tmp_path_factory.mktemp("terminal")) as second:
        yield Two((terminal, second), overrides, {seed: folder / str(seed) for seed in SEEDS}, differences)


def noted(figure: Callable[[str, str], None], what: str, reached: str) -> None:
    DONE[what] = reached
    figure("two processes", "; ".join(DONE.values()))


def test_in_new_folders(
    two: Two, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    trials, collided = amount(1, 20), 0
    for trial in range(trials):
        ended = two.together(tmp_path / f"new{trial}")
        assert [found.code for found in ended] == [0, 0], ended
        (experiment,) = (tmp_path / f"new{trial}/outputs").iterdir()
        made = sorted(experiment.iterdir())
        assert len(made) == 2
        collided += made[1].name == f"{made[0].name}_2"
        seeds = [checkpoint.read(run / "checkpoints/last")["config"]["seed"] for run in made]
        assert sorted(seeds) == list(SEEDS)
        assert all(two.is_whole(run, seed) for run, seed in zip(made, seeds, strict=True)), made
    noted(
        figure,
        "new",
        f"{trials} of {trials} pairs started together in new folders end in two, each bit-identical to the run alone "
        f"({collided} of them in the same second)",
    )


def test_in_one_new_folder(
    two: Two, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    trials = amount(1, 20)
    for trial in range(trials):
        run = tmp_path / f"one{trial}/run"
        ended = two.together(run.parent, "run_dir=run")
        assert sorted(found.code for found in ended) == [0, 2], ended
        (seed,) = (seed for seed, found in zip(SEEDS, ended, strict=True) if found.code == 0)
        (refused,) = (found.err for found in ended if found.code == 2)
        # The other one found the folder, with the run in it, or waited until it was over.
        assert IN_USE.fullmatch(refused) or re.search("run was made by another|but the stored run has seed=", refused)
        assert refused.count("\n") == 1
        assert two.is_whole(run, seed)
        assert not (run / ".lock").exists()
    noted(figure, "one", f"{trials} of {trials} in one new folder: one makes it and ends so, the other is refused")


def test_on_one_stopped_run(
    two: Two, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    trials = amount(1, 20)
    for trial in range(trials):
        run = tmp_path / f"stopped{trial}/run"
        shutil.copytree(two.alone[1], run, symlinks=True)
        (run / "results.json").unlink()
        shutil.rmtree(checkpoint.existing(run / "checkpoints")[0])
        for terminal in two.terminals:
            terminal.start("seqnet", "train", "run_dir=run", folder=run.parent)
        ended = [terminal.end() for terminal in two.terminals]
        for found in ended:
            assert found.code == 0 or (found.code == 2 and IN_USE.fullmatch(found.err)), found
        assert 1 == sum(found.code == 0 and "is complete" not in found.out for found in ended), ended
        assert two.is_whole(run, 1)
    noted(figure, "stopped", f"{trials} of {trials} going on with one stopped run: one does, to the same end")


# Its workers do not see soon that it has ended.
STANDING = f"""{STANDS}
from torch.utils.data._utils import worker

from seqnet import cli

worker.MP_STATUS_CHECK_INTERVAL = 120
cli.main()
"""


def standing(terminal: Any, folder: Path, *words: str) -> int:
    """Begin a run that stands still in its middle; the id of its process, once it does."""
    (folder / "standing.py").write_text(STANDING)
    each = {word.partition("=")[0]: word for word in words}.values()
    pid: int = terminal.start("standing.py", *each, folder=folder)
    while state(pid) != "T":
        assert alive(pid)
        time.sleep(0.005)
    return pid


def test_a_killed_one_leaves_the_folder_free(
    two: Two, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    """The first, with two data workers, stands still in the middle; the second is refused; then the first is killed."""
    first, second = two.terminals
    words = ("train", *QUIET, *two.overrides, "data.num_workers=2", "seed=1", "run_dir=run")
    trials = amount(1, 20)
    for trial in range(trials):
        run = tmp_path / f"killed{trial}/run"
        run.parent.mkdir()
        pid = standing(first, run.parent, *words)
        workers = children(pid)
        assert len(workers) == 2
        refused = second("seqnet", *words, folder=run.parent)
        assert refused.code == 2, refused
        said = IN_USE.fullmatch(refused.err)
        assert said and said.groups() == ("run", str(pid)), refused
        os.kill(pid, signal.SIGKILL)  # it alone
        second.start("seqnet", "train", "run_dir=run", "data.num_workers=0", folder=run.parent)
        ended = second.end()
        assert (ended.code, ended.err) == (0, ""), ended
        assert first.end().code == -signal.SIGKILL
        until = time.monotonic() + 60
        while any(map(alive, workers)):  # they see that they are alone
            assert time.monotonic() < until
            time.sleep(0.005)
        assert two.is_whole(run, 1)
    noted(
        figure,
        "killed",
        f"{trials} of {trials} times the second is told the process of the first, and started right after its SIGKILL "
        "goes on to the same end; its data workers end by themselves",
    )


@pytest.mark.slow
def test_a_killed_job_is_interrupted_and_until_then_passed_over(two: Two, tmp_path: Path) -> None:
    first, other = two.terminals
    words = ("train", "-m", *QUIET, *two.overrides, "seed=choice(1)", "run_dir=mine")
    job = tmp_path / "mine" / sweep.named(["seed=1"])
    first.start("seqnet", *words, folder=tmp_path)
    until = time.monotonic() + 110
    while not (job / "status.json").exists():
        assert time.monotonic() < until
        time.sleep(0.005)
    pid = json.loads((job / "status.json").read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    passed = other("seqnet", *words, folder=tmp_path)
    assert passed.code == 0 and f"job 1 of 1 {job.name} (seed=1) runs elsewhere\n" in passed.out, passed
    statuses = []
    for happens in (signal.SIGSTOP, signal.SIGKILL):
        os.kill(pid, happens)
        if happens == signal.SIGKILL:
            assert first.end().code == 1
        assert other("seqnet", "leaderboard", "mine", "output=mine/board.csv", folder=tmp_path).code == 0
        statuses.append((tmp_path / "mine/board.csv").read_text().splitlines()[1].split(",")[2])
    assert statuses == ["running", "failed"]
    assert other("seqnet", *words, folder=tmp_path).code == 0
    assert two.is_whole(job, 1)


@pytest.mark.slow
def test_the_job_of_a_killed_sweep_stops_with_a_checkpoint(two: Two, tmp_path: Path) -> None:
    first, other = two.terminals
    words = ("train", "-m", *QUIET, *two.overrides, "seed=choice(1)", "run_dir=mine")
    job = tmp_path / "mine" / sweep.named(["seed=1"])
    pid = first.start("seqnet", *words, "training.max_epochs=1000", folder=tmp_path)
    until = time.monotonic() + 110
    while not (job / "metrics.jsonl").exists() or not (job / "metrics.jsonl").stat().st_size:
        assert time.monotonic() < until
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)  # it alone
    assert first.end().code == -signal.SIGKILL
    while json.loads((job / "status.json").read_text())["status"] == "running":
        assert time.monotonic() < until
        time.sleep(0.005)
    rows = [json.loads(line) for line in (job / "metrics.jsonl").read_text().splitlines()]
    assert (job / "checkpoints/last").resolve().name >= f"step_{rows[-1]['step']:08}"
    assert json.loads((job / "status.json").read_text())["status"] == "interrupted"
