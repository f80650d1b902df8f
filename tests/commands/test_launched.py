"""Processes that were only started together would train one model several times; ranks train it together."""

import os
from typing import Any

import pytest

import seqnet as package
from seqnet.commands import launched, launching
from seqnet.commands.launched import COUNTS, ranks
from seqnet.commands.signals import StopRequest
from seqnet.errors import ConfigurationError

TRAIN = ("train", "experiment=adding", "debug=quick")
RANK = launching.environment(1, 2, 29500)


@pytest.fixture
def as_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is one of two that torchrun started, and the one that speaks."""
    for key, value in {**RANK, "RANK": "0", "LOCAL_RANK": "0", launched.OF_TORCHRUN: "a"}.items():
        monkeypatch.setenv(key, value)


@pytest.mark.parametrize("name", COUNTS)
def test_one_of_several_trains_nothing(seqnet: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, name: str) -> None:
    monkeypatch.setenv(name, "2")
    for command in (TRAIN, (*TRAIN, "-m", "seed=1,2")):
        found = seqnet(*command)
        assert found.code == 2
        assert found.err.startswith(
            f"seqnet: 2 processes were started together ({name}=2), and each would train the same"
        )
        assert found.err.count("\n") == 1
        assert not list(tmp_path.iterdir())


def test_what_only_reads_may_be_several(seqnet: Any, monkeypatch: pytest.MonkeyPatch, adding_run: Any) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert seqnet("evaluate", f"run={adding_run}").code == 0


def test_a_job_of_several_tasks_may_start_one() -> None:
    """As a plain command in the shell of `salloc -n 4`, in the script of `sbatch -n 4`, and in a step of one task."""
    assert ranks({"SLURM_NTASKS": "4", "SLURM_NPROCS": "4", "SLURM_TASKS_PER_NODE": "4"}) == 1
    assert ranks({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1", "PMI_SIZE": "1", "WORLD_SIZE": "1"}) == 1
    assert ranks({"WORLD_SIZE": "a name of something else"}) == 1
    with pytest.raises(ConfigurationError, match="SLURM_STEP_NUM_TASKS=4"):
        ranks({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"})


def test_ranks_are_told_apart() -> None:
    """Also where a step of SLURM starts torchrun once on each machine; those who cannot meet are refused."""
    assert ranks(RANK) == 2
    assert ranks({**RANK, "SLURM_STEP_NUM_TASKS": "2"}) == 2
    for missing in RANK.keys() - {"WORLD_SIZE"}:
        with pytest.raises(ConfigurationError, match=r"torchrun --nproc_per_node=N -m seqnet train"):
            ranks({key: value for key, value in RANK.items() if key != missing})
    with pytest.raises(ConfigurationError, match="SLURM_STEP_NUM_TASKS=2"):  # each alone, by torchrun without --nnodes
        ranks({**RANK, "WORLD_SIZE": "1", "SLURM_STEP_NUM_TASKS": "2"})


def test_only_one_rank_of_a_machine_says_what_all_find_out() -> None:
    assert launched.is_quiet(RANK)
    assert not launched.is_quiet({**RANK, "LOCAL_RANK": "0"})
    assert not launched.is_quiet({"WORLD_SIZE": "2", "LOCAL_RANK": "1"})


@pytest.mark.usefixtures("as_rank")
def test_ranks_have_one_training_to_do(seqnet: Any, tmp_path: Any) -> None:
    for words in (("evaluate", "run=there"), ("leaderboard", "there"), (*TRAIN, "-m", "seed=1,2")):
        found = seqnet(*words)
        assert found.code == 2
        assert found.err.startswith("seqnet: 2 processes were started together, and only `seqnet train` without -m")
    found = seqnet(*TRAIN, "processes=3")
    assert (found.code, found.err) == (2, "seqnet: processes=3, but 2 ranks were started: leave processes out\n")
    assert not list(tmp_path.iterdir())


def test_the_jobs_of_a_sweep_have_one_process_each(seqnet: Any, tmp_path: Any) -> None:
    found = seqnet(*TRAIN, "-m", "seed=1,2", "processes=2", f"run_dir={tmp_path / 'sweep'}")
    assert found.code == 2
    assert found.err.startswith("seqnet: processes=2, but the jobs of a sweep have one process each")
    assert not list(tmp_path.iterdir())


def test_training_in_python_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="processes=2 starts programs"):
        package.train("experiment=adding debug=quick processes=2")
    for key, value in {**RANK, launched.OF_TORCHRUN: "a"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(ConfigurationError, match="2 processes were started together"):
        package.train("experiment=adding debug=quick")


def test_a_rank_whose_starter_is_gone_is_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, rank = StopRequest(), StopRequest()
    rank.among = 2
    assert rank.heard == 0
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert (alone.heard, rank.heard, rank.exit_code) == (0, 143, 0)  # the others are to agree
