"""`seqnet leaderboard DIR`: rank the runs in a folder, while a sweep is running or after."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seqnet import leaderboard
from seqnet.errors import ConfigurationError, DiskError, did_you_mean
from seqnet.options import Option, one_of
from seqnet.strict_json import as_line
from seqnet.terminal import answer, say

USAGE = "usage: seqnet leaderboard DIR [columns=all] [format=json] [output=FILE.csv] [--plot]"
PLOT = "--plot"
OPTIONS = {
    "columns": one_of("brief", "all"),
    "format": one_of("text", "json"),
    "output": Option("a path that ends in .csv", lambda value: Path(value).suffix == ".csv"),
}


def run(arguments: list[str]) -> int:
    """Print the table of DIR's jobs, or as lines of JSON, and write it and its plots where asked; the exit code."""
    folder, options = _parsed([argument for argument in arguments if argument != PLOT])
    everything = options.get("columns") == "all"
    found = leaderboard.listed(folder, everything)
    table = leaderboard.rows(found)
    lines = options.get("format") == "json"
    tell: Callable[[str], None] = (lambda sentence: None) if lines else say  # each line is one of JSON
    if lines:
        for row in table[1:]:
            answer(as_line(dict(zip(table[0], (None if cell == "" else cell for cell in row), strict=True))))
    else:
        leaderboard.show(folder, found, everything)
    if "output" in options:
        with _written("output=" + options["output"]):
            leaderboard.write(table, Path(options["output"]))
        tell(f"written to {options['output']}")
    if PLOT in arguments:
        _plot(folder, found, tell)
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
        elif argument.startswith("-"):
            raise ConfigurationError(
                f"leaderboard: unknown option '{argument}'{did_you_mean(argument, [PLOT])} ({USAGE})"
            )
        else:
            folders.append(argument)
    if len(folders) != 1:
        raise ConfigurationError(f"leaderboard takes one folder; {USAGE}")
    return Path(folders[0]), options


def _plot(folder: Path, found: Sequence[leaderboard.Job], tell: Callable[[str], None]) -> None:
    """Draw what was found, into the folder, and tell where. Raises ConfigurationError and DiskError."""
    from seqnet.leaderboard import plots  # which takes a while

    name = folder.resolve().name
    drawn = {
        "best_so_far": plots.best_so_far(found, name),
        "parallel_coordinates": plots.parallel_coordinates(found, name),
    }
    for what, picture in drawn.items():
        path = folder / f"{what}.png"
        if picture is None:
            tell(f"no {path.name}: there is no option in which the jobs differ")
            continue
        with _written(str(path)), leaderboard.whole(path) as temporary, temporary.open("xb") as file:
            picture.save(file, "png")
        tell(f"drawn to {path}")


@contextmanager
def _written(what: str) -> Iterator[None]:
    """Say in one sentence that a file could not be written. Raises ConfigurationError and DiskError."""
    try:
        yield
    except OSError as error:
        refused = DiskError if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) else ConfigurationError
        raise refused(f"{what} cannot be written: {error.strerror}") from error
