"""Sweeps: a folder and a status for every job, and the ranked table of what came out."""

import contextlib
import csv
import errno
import itertools
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqnet import configuration, folders, strict_json
from seqnet.configuration.keys import leaves
from seqnet.errors import ConfigurationError, visible
from seqnet.options import shown
from seqnet.progress import duration
from seqnet.scores import LOWER_IS_BETTER
from seqnet.terminal import say, standard_output
from seqnet.training.manifest import FOLDER, existing

STATUS = "status.json"
RESULTS = "results.json"
TYPED = "multirun.yaml"  # what was typed, as Hydra writes it
RUNNING = "running"
LEADERBOARD = "leaderboard.csv"
MOST, MANY, BRIEF = 1 << 24, 100, 1000  # bytes of such a file, entries of a list in it, characters of a text
MOST_CONFIG = 1 << 18  # bytes of a configuration
MOST_KEYS, WIDE = 6, 200  # columns of what differs, and of letters where there is no terminal
LONG = 8  # characters of a number that a person types
OWN = ("run_dir", "resume")  # options in which any two runs differ
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


# ---------------------------------------------------------------- before the jobs


@contextlib.contextmanager
def prepared(
    arguments: Sequence[str], check: Callable[[configuration.Composed], object]
) -> Iterator[tuple[Path, list[str], "Outlook"]]:
    """Hold the sweep's folder; it, the arguments that make Hydra use it, and how many jobs are to come.

    The folder is `run_dir`, or a new one under outputs/sweeps/<experiment>, taken away again where no job begins.
    check: raises ConfigurationError for a job that cannot run. Raises ConfigurationError where none can, or the folder
    holds one of other values.
    """
    overrides = configuration.parse_overrides(
        [configuration.quoted(argument) if argument.startswith("run_dir=") else argument for argument in arguments]
    )
    typed = {override.key_or_group: override for override in overrides}
    kept = [argument for argument in arguments if not argument.startswith(("run_dir=", "hydra.sweep.dir="))]
    varied = [override for override in overrides if override.key_or_group not in ("run_dir", "hydra.sweep.dir")]
    first = _check(_combinations(kept, varied), check)
    given = typed.get("run_dir") or typed.get("hydra.sweep.dir")
    if given is not None:
        folder = Path(str(given.value()))
        there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        if there.exists() and not there.is_dir():
            raise ConfigurationError(f"run_dir={folder}: {there} is a file, not a folder; give another run_dir")
    else:
        experiment = typed.get("experiment")
        name = "python_docs" if experiment is None else experiment.value()
        folder = folders.new(Path("outputs/sweeps") / (name if isinstance(name, str) else "several"))
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    with folders.made(folder, numbered=given is None) if absent else folders.held(folder) as folder:
        if first.choices.get("sweep", "grid") == "grid":  # of a sampler's jobs the values are not known yet
            _check_runs(folder, _combinations(kept, varied))
        try:
            yield folder, [*kept, f"hydra.sweep.dir={configuration.quote(str(folder))}"], Outlook(_count(first, varied))
        except ConfigurationError:
            _remove_unused(folder, [folder, *absent[1:]] if absent else [])
            raise


def _combinations(arguments: Sequence[str], overrides: Sequence[Override]) -> Iterator[list[str]]:
    """The arguments of each job of a grid, in the order of their numbers."""
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    rest = [argument for argument in arguments if argument not in flags]
    plain = [argument for argument in rest if argument not in {override.input_line for override in overrides}]
    for values in itertools.product(*(_values(override) for override in overrides)):
        yield [*plain, *values]


def _count(first: configuration.Composed, varied: Sequence[Override]) -> int:
    """How many jobs there are: of a grid one for each combination, else as many as are drawn."""
    if first.choices.get("sweep", "grid") != "grid":
        return int(first.config["sweep"]["trials"])
    return math.prod(len(_values(override)) for override in varied)


def _check(
    combinations: Iterable[Sequence[str]], check: Callable[[configuration.Composed], object]
) -> configuration.Composed:
    """The first job that can run. Raises the first job's ConfigurationError where none can."""
    first: ConfigurationError | None = None
    for arguments in combinations:
        try:
            composed = configuration.compose("train", arguments, sweeping=True)
            check(composed)
            return composed
        except ConfigurationError as error:
            first = first or error
    raise first or ConfigurationError("this sweep has no job: give its keys values")


def _check_runs(folder: Path, combinations: Iterable[Sequence[str]]) -> None:
    """Refuse a grid in a folder whose runs were made with other values. Raises ConfigurationError."""
    for number, arguments in enumerate(combinations):
        job = folder / str(number)
        if holds_a_run(job):
            try:
                place = f"run_dir={configuration.quote(str(job))}"
                configuration.compose("train", [*arguments, place], sweeping=True)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"{folder} holds the runs of other values: for job {number}, {error}"
                ) from error


def holds_a_run(folder: Path) -> bool:
    """Whether a job can go on with what is in the folder."""
    return bool(existing(folder / FOLDER))


def _values(override: Override) -> list[str]:
    """One override a value; of an interval its two ends."""
    key = override.get_key_element()
    if override.is_discrete_sweep():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    if override.is_sweep_override():
        return [f"{key}={end}" for end in ends(override)]
    return [str(override.input_line)]


def ends(override: Override) -> list[int | float]:
    """The two ends of an interval as typed: Hydra makes floats of whole numbers."""
    interval: Any = override.value()
    typed = re.search(r"interval\(([^()]*)\)", str(override.input_line))
    whole = typed is not None and not re.search(r"[.e]", typed[1].replace("end", ""))
    return [int(end) if whole else float(end) for end in (interval.start, interval.end)]


def _remove_unused(folder: Path, made: Sequence[Path]) -> None:
    """Of a sweep of which no job has begun, take the folders away that were made for it, innermost first."""
    if not jobs(folder) and made:
        with contextlib.suppress(OSError):
            for name in (TYPED, folders.LOCK):
                (folder / name).unlink(missing_ok=True)
            for path in made:
                path.rmdir()


# -------------------------------------------------------------------- in the jobs


@dataclass(frozen=True)
class Outlook:
    """How many jobs a sweep has, and when it began, in seconds as the system counts them."""

    jobs: int
    began: float = field(default_factory=time.time)

    def of(self, status: "Status") -> str:
        """What is said as a job begins: which it is, its options, and how long the rest may take."""
        beside = (path for path in status.folder.parent.iterdir() if _is_file(path / STATUS))
        ended = [path for path in beside if (path / STATUS).stat().st_mtime >= self.began and path != status.folder]
        done = sum(_read(path / STATUS).get("status") != RUNNING for path in ended)
        left = duration((time.time() - self.began) / done * max(self.jobs - done, 1)) if done else None
        number = int(status.folder.name) + 1 if status.folder.name.isdecimal() else status.folder.name
        line = f"job {number} of {self.jobs} ({' '.join(status.overrides)})"
        return line if left is None else f"{line}: about {left} left"


@dataclass
class Status:
    """The status.json of the job that runs in this process."""

    folder: Path
    overrides: list[str]

    @classmethod
    def of_this_job(cls) -> "Status":
        """Of the job that Hydra runs now; nothing is written yet."""
        hydra_config = HydraConfig.get()
        return cls(Path(hydra_config.runtime.output_dir), list(hydra_config.overrides.task))

    @property
    def heading(self) -> str:
        """What stands before the job's error message."""
        return f"job {self.folder.name} ({' '.join(self.overrides)}): "

    def begin(self) -> None:
        """Write that it runs, which is true as long as a process holds the folder."""
        self._write(RUNNING, None, None)

    def end(self, code: int, sentence: str | None) -> None:
        """Write how it ended."""
        self._write("failed" if code else "done", code, sentence)

    def _write(self, status: str, code: int | None, sentence: str | None) -> None:
        content = {"status": status, "exit_code": code, "error": sentence, "overrides": self.overrides}
        with contextlib.suppress(OSError):  # a full disk must not end the other jobs
            temporary = self.folder / f".{STATUS}"
            temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
            temporary.write_text(strict_json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            temporary.replace(self.folder / STATUS)


def varied(folder: Path) -> list[str]:
    """The keys that a sweep in this folder gives several values; none where there is no sweep, as far as is known."""
    path = folder / TYPED
    try:
        found = OmegaConf.load(path) if _is_file(path) and path.stat().st_size < MOST else None
        lines: Any = OmegaConf.to_container(OmegaConf.select(found, "hydra.overrides.task")) if found else []
        overrides = configuration.parse_overrides([str(line) for line in lines])
    except (
        OSError,
        ValueError,
        yaml.YAMLError,
        OmegaConfBaseException,
        ConfigurationError,
    ):  # it may come from anywhere
        return []
    return [one.get_key_element().lstrip("+") for one in overrides if one.is_sweep_override()]


def score(folder: Path) -> float | None:
    """What the monitored score of a finished run is; None where there is none."""
    return _of(folder).score


# ----------------------------------------------------------------- after the jobs


@dataclass(frozen=True)
class Job:
    """What is known of a job, or of any run folder, from its files."""

    name: str
    status: str
    exit_code: int | None
    error: str | None
    overrides: dict[str, str]
    monitor: str | None
    score: float | None
    scores: dict[str, float]  # of the best checkpoint, and on the test split
    seconds: float | None = None  # of training
    typed: frozenset[str] = frozenset()  # which of `overrides` were typed; the others are all that the run says

    @property
    def failed(self) -> bool:
        """Whether it did not reach its end."""
        return self.status != "done"


def jobs(folder: Path) -> list[Job]:
    """Every job under a sweep's folder, in the order they began. Links are not followed."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    found = [path for path in found if _is_file(path / STATUS) or _is_file(path / RESULTS)]
    return [_of(path) for path in sorted(found, key=lambda path: (len(path.name), path.name))]


def _of(folder: Path) -> Job:
    """What the files say, as far as it is what seqnet writes: they may come from anywhere."""
    status = _read(folder / STATUS)
    if status.get("status") == RUNNING and not folders.in_use(folder):
        status = _read(folder / STATUS)  # it may have ended since
        if status.get("status") == RUNNING:
            status["status"] = "interrupted"  # by what left it no time to say so
    results = _read(folder / RESULTS)
    scores = {}
    for split, prefix in (("best", ""), ("test", "test_")):
        told = results.get(split)
        for name, value in list(told.items())[:MANY] if isinstance(told, dict) else ():
            value = float("nan") if value is None else value  # which JSON cannot hold
            number = isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)
            if name not in ("step", "epoch") and number:
                scores[visible(f"{prefix}{name}"[:BRIEF])] = float(value)
    listed = status.get("overrides")
    lines = listed[:MANY] if isinstance(listed, list) else []
    code, monitor, seconds = status.get("exit_code"), _text(results.get("monitor")), results.get("seconds")
    overrides = dict(
        visible(line[:BRIEF]).lstrip("+").split("=", 1)
        for line in lines
        if isinstance(line, str) and "=" in line[:BRIEF]
    )
    return Job(
        name=visible(folder.name),
        status=_text(status.get("status")) or ("done" if results else "failed"),
        exit_code=code if isinstance(code, int) else None,
        error=_text(status.get("error")),
        overrides=overrides or _configured(folder),
        monitor=monitor,
        score=scores.get(str(monitor), scores.get(f"test_{monitor}")) if status.get("exit_code", 0) == 0 else None,
        scores=scores,
        seconds=round(float(seconds), 2) if isinstance(seconds, int | float) and 0 <= seconds < MOST else None,
        typed=frozenset(overrides),
    )


def _configured(folder: Path) -> dict[str, str]:
    """What the configuration of a run says that is no job of a sweep: its groups, then its options."""
    path = folder / "config.yaml"
    try:
        text = path.read_text(encoding="utf-8") if _is_file(path) and path.stat().st_size < MOST_CONFIG else ""
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, LOADER)):
            return {}  # a run's file has none, and a few of them can say more than any memory holds
        found = LOADER(text).get_single_data()
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    if not isinstance(found, dict):
        return {}
    groups = found.pop("groups", None)
    said = {name: str(choice) for name, choice in groups.items()} if isinstance(groups, dict) else {}
    said |= {key: shown(value) for key, value in leaves(found).items() if key not in OWN}
    return {visible(str(key))[:BRIEF]: visible(value)[:BRIEF] for key, value in said.items()}


def _text(value: Any) -> str | None:
    return visible(value[:BRIEF]) if isinstance(value, str) else None


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text()) if _is_file(path) and path.stat().st_size < MOST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


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
