"""How this process was started: alone, or as one of several ranks, by `torchrun` or by `processes=N`.

Several that were only started together, and do not know of each other, would each train the same model.
"""

from collections.abc import Mapping

from seqnet.errors import ConfigurationError

# Where torchrun, a step of SLURM (not its job, inside of which one process may well be started), Open MPI, MPICH and
# MVAPICH say how many there are.
COUNTS = ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
STORE = "TORCHELASTIC_USE_AGENT_STORE"  # True: whoever started the ranks holds the store on which they meet
OF_TORCHRUN = "TORCHELASTIC_RUN_ID"
NEEDED = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def ranks(environment: Mapping[str, str]) -> int:
    """How many ranks train together, of which this process is one. Raises ConfigurationError for strangers."""
    count = _count(environment, "WORLD_SIZE")
    if count > 1 and environment.get(STORE) == "True" and all(name in environment for name in NEEDED):
        return count
    for name in COUNTS:
        count = _count(environment, name)
        if count > 1:
            raise ConfigurationError(
                f"{count} processes were started together ({name}={count}), and each would train the same model: to "
                "train one model with several, start seqnet once with processes=N, or once on each machine by "
                "torchrun --nproc_per_node=N -m seqnet train"
            )
    return 1


def refuse_several(environment: Mapping[str, str]) -> None:
    """Refuse to be one of several processes. Raises ConfigurationError."""
    count = ranks(environment)
    if count > 1:
        raise ConfigurationError(
            f"{count} processes were started together, and only `seqnet train` without -m has work for several: start "
            "one, without torchrun"
        )


def is_rank(environment: Mapping[str, str]) -> bool:
    """Whether torchrun, or `processes=N`, started this process as one of several."""
    return environment.get(STORE) == "True" and _count(environment, "WORLD_SIZE") > 1


def is_quiet(environment: Mapping[str, str]) -> bool:
    """Whether another rank of this machine says what all of them find out alike."""
    return is_rank(environment) and environment.get("LOCAL_RANK", "0") != "0"


def ranks_here(environment: Mapping[str, str]) -> int:
    """How many of the ranks are on this machine."""
    return _count(environment, "LOCAL_WORLD_SIZE") if is_rank(environment) else 1


def _count(environment: Mapping[str, str], name: str) -> int:
    count = environment.get(name, "")
    return int(count) if count.isdecimal() else 1
