"""The ranked table: on a terminal, and as CSV."""

import csv
import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqnet.errors import ConfigurationError, visible
from seqnet.leaderboard.jobs import Job, jobs
from seqnet.scores import LOWER_IS_BETTER
from seqnet.terminal import say, standard_output

LEADERBOARD = "leaderboard.csv"
MOST_KEYS, WIDE = 6, 200  # columns of what differs, and of letters where there is no terminal
LONG = 8  # characters of a number that a person types


def ranked(found: Sequence[Job]) -> list[Job]:
    """The best first; those without a score last."""

    def place(job: Job) -> tuple[bool, float]:
        if job.score is None or job.score != job.score:
            return True, 0.0
        return False, job.score if job.monitor in LOWER_IS_BETTER else -job.score

    return sorted(found, key=place)


def listed(folder: Path) -> list[Job]:
    """The jobs or runs in a folder, ranked. Raises ConfigurationError where there are none."""
    found = ranked(jobs(folder))
    if not found:
        raise ConfigurationError(f"{folder} holds no runs: give the folder of a sweep, or one that holds run folders")
    return found


def finish(folder: Path) -> None:
    """Print the ranked table of a folder's jobs and write it as leaderboard.csv, where that can be written.

    Raises ConfigurationError, and OSError where the disk is full.
    """
    found = listed(folder)
    show(folder, found)
    try:
        write(rows(found), folder / LEADERBOARD)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        say(f"not written to {folder / LEADERBOARD}: {error.strerror}")
    else:
        say(f"written to {folder / LEADERBOARD}")


def show(folder: Path, found: Sequence[Job], everything: bool = False) -> None:
    """Print ranked jobs: what differs among them and what they reached, or everything that is known of them."""
    header, *body = rows(found) if everything else brief(found)
    table = Table(title=Text(visible(str(folder))), title_justify="left")
    for place, name in enumerate(header):
        number = all(isinstance(row[place], int | float) or row[place] == "" for row in body)
        table.add_column(Text(name), justify="right" if number else "left", overflow="fold")
    for row in body:
        table.add_row(*(Text(f"{cell:.4g}" if isinstance(cell, float) else str(cell)) for cell in row))
    console = Console(file=standard_output())
    if not console.is_terminal:
        console = Console(file=standard_output(), force_terminal=False, width=max(console.width, WIDE))
    console.print(table, soft_wrap=False)
    for job in () if everything else found:
        if job.error:
            say(f"{job.name}: {job.error}")


def write(table: Sequence[Sequence[Any]], path: Path) -> None:
    """Write a table as CSV, whole or not at all. Raises OSError."""
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
    with temporary.open("x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    temporary.replace(path)


def brief(found: Sequence[Job]) -> list[list[Any]]:
    """A header and a row a job: rank, job, what differs, the monitored score of both splits, seconds and status."""
    keys = _varied(found)
    keys = ["experiment"] if "experiment" in keys and not found[0].typed else keys[:MOST_KEYS]  # the rest follows
    monitors = list(dict.fromkeys(job.monitor for job in found if job.monitor is not None))
    several, name = len(monitors) > 1, f" {monitors[0]}" if len(monitors) == 1 else ""
    made: list[list[Any]] = [
        ["rank", "job", *keys, *["monitor"] * several, f"valid{name}", f"test{name}", "seconds", "status"]
    ]
    for rank, job in enumerate(found, 1):
        scores = [job.scores.get(name, "") for name in (str(job.monitor), f"test_{job.monitor}")]
        seconds = "" if job.seconds is None else round(job.seconds, None if job.seconds >= 10 else 1)
        place = rank if job.score is not None else ""
        differing = [_shorter(job.overrides.get(key, "")) for key in keys]
        made.append([place, job.name, *differing, *[job.monitor or ""] * several, *scores, seconds, job.status])
    return made


def _shorter(value: str) -> str:
    """A number that was drawn with four digits; what else was typed as it is."""
    try:
        return f"{float(value):.4g}" if len(value) > LONG else value
    except ValueError:
        return value


def rows(found: Sequence[Job]) -> list[list[Any]]:
    """A header and a row a job: everything that is known, what was varied, then the scores."""
    varied = _varied(found)
    names = list(dict.fromkeys(name for job in found for name in job.scores))
    monitors = list(dict.fromkeys(job.monitor for job in found if job.monitor in names))
    names = [*monitors, *(name for name in names if name not in monitors)]
    told = ["error"] if any(job.error for job in found) else []
    made: list[list[Any]] = [["rank", "job", "status", *varied, *names, "seconds", *told]]
    for rank, job in enumerate(found, 1):
        overrides = [job.overrides.get(key, "") for key in varied]
        scores = [float(f"{job.scores[name]:.6g}") if name in job.scores else "" for name in names]
        errors = [job.error or "" for _ in told]
        place = rank if job.score is not None else ""
        seconds = "" if job.seconds is None else job.seconds
        made.append([place, job.name, job.status, *overrides, *scores, seconds, *errors])
    return made


def _varied(found: Sequence[Job]) -> list[str]:
    """The keys and groups in which jobs differ; of runs the groups first, and no option of what a group differs in."""
    keys = list(dict.fromkeys(key for job in found for key in job.overrides))
    varied = [key for key in keys if len({job.overrides.get(key) for job in found}) > 1]
    groups = {key for key in varied if "." not in key}
    return [key for key in varied if key in groups or key.partition(".")[0] not in groups or key in found[0].typed]
