"""Several processes started together would train one model several times."""

from typing import Any

import pytest

from seqnet.commands.launched import COUNTS, refuse_several
from seqnet.errors import ConfigurationError

TRAIN = ("train", "experiment=adding", "debug=quick")


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
    refuse_several({"SLURM_NTASKS": "4", "SLURM_NPROCS": "4", "SLURM_TASKS_PER_NODE": "4"})
    refuse_several({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1", "PMI_SIZE": "1", "WORLD_SIZE": "1"})
    refuse_several({"WORLD_SIZE": "a name of something else"})
    with pytest.raises(ConfigurationError, match="SLURM_STEP_NUM_TASKS=4"):
        refuse_several({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"})
