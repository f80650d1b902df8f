"""The ranked table: on a terminal, and as CSV. A row is a job, or where seeds were repeated a combination of values."""

import csv
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqnet.errors import ConfigurationError, visible
from seqnet.leaderboard.jobs import Job, jobs
from seqnet.leaderboard.repeats import Combination, combined, compared, repeated
from seqnet.scores import LOWER_IS_BETTER
from seqnet.terminal import say, standard_output

LEADERBOARD = "leaderboard.csv"
MOST_KEYS, WIDE = 6, 200  # columns of what differs, and of letters where there is no terminal
LONG = 8  # characters of a number that a person types

Ranked = TypeVar("Ranked", bound=Job)


def ranked(found: Iterable[Ranked]) -> list[Ranked]:
    """The best first; those without a score last."""

    def place(job: Job) -> tuple[bool, float]:
        if job.score is None or job.score != job.score:
            return True, 0.0
        return False, job.score if job.monitor in LOWER_IS_BETTER else -job.score

    return sorted(found, key=place)


def listed(folder: Path, each: bool = False) -> list[Job]:
    """The jobs or runs in a folder, ranked; repeats as one, unless `each` is asked for.

    Raises ConfigurationError where there are none.
    """
    found = jobs(folder)
    if not found:
        raise ConfigurationError(f"{folder} holds no runs: give the folder of a sweep, or one that holds run folders")
    return ranked(found) if each else _together(found)


def _together(found: Sequence[Job]) -> list[Job]:
    """Jobs, ranked; repeats as one."""
    return list(compared(ranked(combined(found)))) if repeated(found) else ranked(found)


def finish(folder: Path, known: Sequence[Job] | None = None) -> None:
    """Print the ranked table of a folder's jobs and write it as leaderboard.csv, where that can be written.

    known: the jobs, if they were read just now. Raises ConfigurationError, and OSError where the disk is full.
    """
    found = listed(folder) if known is None else _together(known)
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
        number = all(isinstance(row[place], int | float) or row[place] == "" or "±" in row[place] for row in body)
        table.add_column(Text(name), justify="right" if number else "left", overflow="fold")
    for row in body:
        table.add_row(*(Text(f"{cell:.4g}" if isinstance(cell, float) else str(cell)) for cell in row))
    console = Console(file=standard_output())
    if not console.is_terminal:
        console = Console(file=standard_output(), force_terminal=False, width=max(console.width, WIDE))
    console.print(table, soft_wrap=False)
    for job in () if everything else found:
        for one in job.jobs if isinstance(job, Combination) else [job]:
            if one.error:
                say(f"{one.name}: {one.error}")


def write(table: Sequence[Sequence[Any]], path: Path) -> None:
    """Write a table as CSV, whole or not at all. Raises OSError."""
    with whole(path) as temporary, temporary.open("x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write what is to be found at `path`, once all of it is written. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")  # another worker may write it too
    temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def brief(found: Sequence[Job]) -> list[list[Any]]:
    """A header and a row a job: rank, job, what differs, the monitored score of both splits, seconds and status.

    Of repeats there are no single jobs, but how many are counted, and whether the mean differs from the best one.
    """
    keys = varied(found)
    keys = ["experiment"] if "experiment" in keys and not found[0].typed else keys[:MOST_KEYS]  # the rest follows
    monitors = list(dict.fromkeys(job.monitor for job in found if job.monitor is not None))
    several, name = len(monitors) > 1, f" {monitors[0]}" if len(monitors) == 1 else ""
    repeats = any(isinstance(job, Combination) for job in found)
    own: list[Any] = ["seeds", "against the best"] * repeats
    made: list[list[Any]] = [
        ["rank", *["job"] * (not repeats), *keys, *["monitor"] * several, f"valid{name}", f"test{name}", *own]
        + ["seconds", "status"]
    ]
    for rank, job in _numbered(found):
        scores = [_score(job, name) for name in (str(job.monitor), f"test_{job.monitor}")]
        seconds = "" if job.seconds is None else round(job.seconds, None if job.seconds >= 10 else 1)
        differing = [_shorter(job.overrides.get(key, "")) for key in keys]
        first = [rank, *differing] if repeats else [rank, job.name, *differing]
        own = [len(job.done), job.against_best] if isinstance(job, Combination) else []
        made.append([*first, *[job.monitor or ""] * several, *scores, *own, seconds, job.status])
    return made


def _numbered(found: Iterable[Job]) -> Iterator[tuple[int | str, Job]]:
    """Each with its rank, which only a score that stays has."""
    rank = 0
    for job in found:
        rank += job.ranks
        yield rank if job.ranks else "", job


def _score(job: Job, name: str) -> float | str:
    """A score, of repeats with its deviation."""
    found = job.scores.get(name, "")
    spread = job.deviations.get(name) if isinstance(job, Combination) else None
    return found if spread is None else f"{found:.4g} ± {spread:.2g}"


def _shorter(value: str) -> str:
    """A number that was drawn with four digits; what else was typed as it is."""
    try:
        return f"{float(value):.4g}" if len(value) > LONG else value
    except ValueError:
        return value


def rows(found: Sequence[Job]) -> list[list[Any]]:
    """A header and a row a job: everything that is known, what was varied, then the scores; of repeats deviations."""
    keys = varied(found)
    names = list(dict.fromkeys(name for job in found for name in job.scores))
    monitors = list(dict.fromkeys(job.monitor for job in found if job.monitor in names))
    names = [*monitors, *(name for name in names if name not in monitors)]
    repeats = any(isinstance(job, Combination) for job in found)
    header = [part for name in names for part in [name, f"{name}_deviation"][: 1 + repeats]]
    own: list[Any] = ["seeds", "against_best", "p"] * repeats
    told = ["error"] if any(job.error for job in found) else []
    made: list[list[Any]] = [["rank", "job", "status", *keys, *header, *own, "seconds", *told]]
    for rank, job in _numbered(found):
        overrides = [job.overrides.get(key, "") for key in keys]
        kinds = [job.scores, job.deviations] if isinstance(job, Combination) else [job.scores]
        scores = [float(f"{kind[name]:.6g}") if name in kind else "" for name in names for kind in kinds]
        own = [len(job.done), job.against_best, _or_nothing(job.chance)] if isinstance(job, Combination) else []
        errors = [job.error or "" for _ in told]
        made.append([rank, job.name, job.status, *overrides, *scores, *own, _or_nothing(job.seconds), *errors])
    return made


def _or_nothing(number: float | None) -> float | str:
    return "" if number is None else number


def varied(found: Sequence[Job]) -> list[str]:
    """The keys and groups in which jobs differ; of runs the groups first, and no option of what a group differs in."""
    keys = list(dict.fromkeys(key for job in found for key in job.overrides if key.partition(".")[0] != "sweep"))
    differing = [key for key in keys if len({job.overrides.get(key) for job in found}) > 1]
    groups = {key for key in differing if "." not in key}
    return [key for key in differing if key in groups or key.partition(".")[0] not in groups or key in found[0].typed]
