"""`seqnet leaderboard DIR`: rank the runs in a folder, while a sweep is running or after."""

from pathlib import Path

from seqnet import sweep
from seqnet.errors import ConfigurationError


def run(arguments: list[str]) -> int:
    """Print the table of DIR's jobs and write DIR/leaderboard.csv; the exit code."""
    if len(arguments) != 1:
        raise ConfigurationError("leaderboard takes one folder: seqnet leaderboard DIR")
    sweep.finish(Path(arguments[0]))
    return 0
