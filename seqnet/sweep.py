"""Sweeps: a folder and a status for every job, and the ranked table of what came out."""

import contextlib
import csv
import errno
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from seqnet.errors import ConfigurationError, visible
from seqnet.scores import LOWER_IS_BETTER
from seqnet.terminal import say, standard_output
from seqnet.training.manifest import FOLDER, existing

STATUS = "status.json"
RESULTS = "results.json"
TYPED = "multirun.yaml"  # what was typed, as Hydra writes it
RUNNING = "running"
LEADERBOARD = "leaderboard.csv"
MOST, MANY, BRIEF = 1 << 24, 100, 1000  # bytes of such a file, entries of a list in it, characters of a text


# ---------------------------------------------------------------- before the jobs


@contextlib.contextmanager
def prepared(
    arguments: Sequence[str], check: Callable[[configuration.Composed], object]
) -> Iterator[tuple[Path, list[str]]]:
    """Hold the sweep's folder; it, and the arguments that make Hydra use it.

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
            yield folder, [*kept, f"hydra.sweep.dir={configuration.quote(str(folder))}"]
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
    code, monitor = status.get("exit_code"), _text(results.get("monitor"))
    return Job(
        name=visible(folder.name),
        status=_text(status.get("status")) or ("done" if results else "failed"),
        exit_code=code if isinstance(code, int) else None,
        error=_text(status.get("error")),
        overrides=dict(
            visible(line[:BRIEF]).lstrip("+").split("=", 1)
            for line in lines
            if isinstance(line, str) and "=" in line[:BRIEF]
        ),
        monitor=monitor,
        score=scores.get(str(monitor), scores.get(f"test_{monitor}")) if status.get("exit_code", 0) == 0 else None,
        scores=scores,
    )


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


def finish(folder: Path) -> None:
    """Print the ranked table of a folder's jobs and write it as leaderboard.csv, where that can be written.

    Raises ConfigurationError, and OSError where the disk is full.
    """
    found = ranked(jobs(folder))
    if not found:
        raise ConfigurationError(f"{folder} holds no runs: give the folder of a sweep, or one that holds run folders")
    rows = list(_rows(found))
    table = Table(title=Text(visible(str(folder))), title_justify="left")
    for name in rows[0]:
        table.add_column(Text(name), overflow="fold")
    for row in rows[1:]:
        table.add_row(*(Text(f"{cell:.4g}" if isinstance(cell, float) else str(cell)) for cell in row))
    console = Console(file=standard_output())
    wide = console if console.is_terminal else Console(width=max(console.width, 200))
    wide.print(table, soft_wrap=False)
    temporary = folder / f".{LEADERBOARD}"
    try:
        temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
        with temporary.open("x", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        temporary.replace(folder / LEADERBOARD)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        say(f"not written to {folder / LEADERBOARD}: {error.strerror}")
    else:
        say(f"written to {folder / LEADERBOARD}")


def _rows(found: Sequence[Job]) -> list[list[Any]]:
    """A header and a row a job: what was varied, then the scores."""
    keys = list(dict.fromkeys(key for job in found for key in job.overrides))
    varied = [key for key in keys if len({job.overrides.get(key) for job in found}) > 1]
    names = list(dict.fromkeys(name for job in found for name in job.scores))
    monitors = list(dict.fromkeys(job.monitor for job in found if job.monitor in names))
    names = [*monitors, *(name for name in names if name not in monitors)]
    told = ["error"] if any(job.error for job in found) else []
    rows: list[list[Any]] = [["rank", "job", "status", *varied, *names, *told]]
    for rank, job in enumerate(found, 1):
        overrides = [job.overrides.get(key, "") for key in varied]
        scores = [job.scores.get(name, "") for name in names]
        errors = [job.error or "" for _ in told]
        place = rank if job.score is not None else ""
        rows.append([place, job.name, job.status, *overrides, *scores, *errors])
    return rows
