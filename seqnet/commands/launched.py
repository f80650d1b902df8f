"""How this process was started: one of several that are started together would train the same model once more."""

from collections.abc import Mapping

from seqnet.errors import ConfigurationError

# Where torchrun, a step of SLURM (not its job, inside of which one process may well be started), Open MPI, MPICH and
# MVAPICH say how many there are.
COUNTS = ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")


def refuse_several(environment: Mapping[str, str]) -> None:
    """Refuse to be one of several processes. Raises ConfigurationError."""
    for name in COUNTS:
        count = environment.get(name, "")
        if count.isdecimal() and int(count) > 1:
            raise ConfigurationError(
                f"{count} processes were started together ({name}={count}), and each would train the same model: "
                "seqnet trains in one process, so start one, or try several values with -m"
            )
