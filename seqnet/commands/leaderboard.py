"""`seqnet leaderboard DIR`: rank the runs in a folder, while a sweep is running or after."""

import errno
from collections.abc import Sequence
from pathlib import Path

from seqnet import leaderboard
from seqnet.errors import ConfigurationError, DiskError, did_you_mean
from seqnet.options import Option, one_of
from seqnet.strict_json import as_line
from seqnet.terminal import answer, say

USAGE = "usage: seqnet leaderboard DIR [columns=all] [format=json] [output=FILE.csv]"
OPTIONS = {
    "columns": one_of("brief", "all"),
    "format": one_of("text", "json"),
    "output": Option("a path that ends in .csv", lambda value: Path(value).suffix == ".csv"),
}


def run(arguments: list[str]) -> int:
    """Print the table of DIR's jobs, or as lines of JSON, and write it where asked; the exit code."""
    folder, options = _parsed(arguments)
    everything = options.get("columns") == "all"
    found = leaderboard.listed(folder, everything)
    table = leaderboard.rows(found)
    if options.get("format") == "json":
        for row in table[1:]:
            answer(as_line(dict(zip(table[0], (None if cell == "" else cell for cell in row), strict=True))))
    else:
        leaderboard.show(folder, found, everything)
    if "output" in options:
        _write(table, options["output"])
    return 0


def _parsed(arguments: Sequence[str]) -> tuple[Path, dict[str, str]]:
    """The folder and the options. Raises ConfigurationError."""
    folders, options = [], {}
    for argument in arguments:
        key, sign, value = argument.partition("=")
        if sign and key in OPTIONS:
            if (sentence := OPTIONS[key].refusal(key, value)) is not None:
                raise ConfigurationError(sentence)
            options[key] = value
        elif sign and not Path(argument).exists():
            raise ConfigurationError(f"leaderboard: unknown key '{key}'{did_you_mean(key, OPTIONS)} ({USAGE})")
        else:
            folders.append(argument)
    if len(folders) != 1:
        raise ConfigurationError(f"leaderboard takes one folder; {USAGE}")
    return Path(folders[0]), options


def _write(table: Sequence[Sequence[object]], output: str) -> None:
    """Write the table. Raises ConfigurationError and DiskError."""
    try:
        leaderboard.write(table, Path(output))
    except OSError as error:
        refused = DiskError if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) else ConfigurationError
        raise refused(f"output={output} cannot be written: {error.strerror}") from error
    say(f"written to {output}")
