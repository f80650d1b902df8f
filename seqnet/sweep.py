"""Sweeps: a folder and a status for every job, and the ranked table of what came out."""

import contextlib
import csv
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqnet import configuration
from seqnet.errors import ConfigurationError, visible
from seqnet.scores import LOWER_IS_BETTER

STATUS = "status.json"
RESULTS = "results.json"
LEADERBOARD = "leaderboard.csv"
MOST, MANY, BRIEF = 1 << 24, 100, 1000  # bytes of such a file, entries of a list in it, characters of a text


# ---------------------------------------------------------------- before the jobs


def prepare(arguments: Sequence[str], check: Callable[[configuration.Composed], object]) -> tuple[Path, list[str]]:
    """The sweep's folder, which is not made yet, and the arguments that make Hydra use it.

    The folder is `run_dir`, or a new one under outputs/sweeps/<experiment>. check: raises ConfigurationError for a
    job that cannot run. Raises ConfigurationError where none of them can.
    """
    overrides = configuration.parse_overrides(
        [configuration.quoted(argument) if argument.startswith("run_dir=") else argument for argument in arguments]
    )
    typed = {override.key_or_group: override for override in overrides}
    kept = [argument for argument in arguments if not argument.startswith(("run_dir=", "hydra.sweep.dir="))]
    elsewhere = ("run_dir", "hydra.sweep.dir")
    _check(kept, [override for override in overrides if override.key_or_group not in elsewhere], check)
    given = typed.get("run_dir") or typed.get("hydra.sweep.dir")
    if given is not None:
        folder = Path(str(given.value()))
        there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        if there.exists() and not there.is_dir():
            raise ConfigurationError(f"run_dir={folder}: {there} is a file, not a folder; give another run_dir")
    else:
        experiment = typed.get("experiment")
        name = "python_docs" if experiment is None else experiment.value()
        folder = configuration.new_folder(Path("outputs/sweeps") / (name if isinstance(name, str) else "several"))
    return folder, [*kept, f"hydra.sweep.dir={configuration.quote(str(folder))}"]


def _check(
    arguments: Sequence[str], overrides: Sequence[Override], check: Callable[[configuration.Composed], object]
) -> None:
    """Refuse a sweep none of whose jobs can run. Raises the first job's ConfigurationError."""
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    rest = [argument for argument in arguments if argument not in flags]
    plain = [argument for argument in rest if argument not in {override.input_line for override in overrides}]
    first: ConfigurationError | None = None
    for values in itertools.product(*(_values(override) for override in overrides)):
        try:
            check(configuration.compose("train", [*plain, *values], sweeping=True))
        except ConfigurationError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


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


def absent(folder: Path) -> list[Path]:
    """The folder and those of its parents that do not exist, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def remove_unused(folder: Path, made: Sequence[Path]) -> None:
    """Of a sweep of which no job has begun, take away what Hydra made: `made`, the folders absent before."""
    if jobs(folder) or folder not in made:
        return
    with contextlib.suppress(OSError):
        (folder / "multirun.yaml").unlink(missing_ok=True)
        for path in made:
            path.rmdir()


# -------------------------------------------------------------------- in the jobs


@dataclass
class Status:
    """The status.json of the job that runs in this process."""

    folder: Path
    overrides: list[str]

    @classmethod
    def begin(cls) -> "Status":
        """Of the job that Hydra runs now."""
        hydra_config = HydraConfig.get()
        status = cls(Path(hydra_config.runtime.output_dir), list(hydra_config.overrides.task))
        status._write("running", None, None)
        return status

    @property
    def heading(self) -> str:
        """What stands before the job's error message."""
        return f"job {self.folder.name} ({' '.join(self.overrides)}): "

    def end(self, code: int, sentence: str | None) -> None:
        """Write how it ended."""
        self._write("failed" if code else "done", code, sentence)

    def _write(self, status: str, code: int | None, sentence: str | None) -> None:
        content = {"status": status, "exit_code": code, "error": sentence, "overrides": self.overrides}
        with contextlib.suppress(OSError):  # a full disk must not end the other jobs
            temporary = self.folder / f".{STATUS}"
            temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            temporary.replace(self.folder / STATUS)


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
    results, status = _read(folder / RESULTS), _read(folder / STATUS)
    scores = {}
    for split, prefix in (("best", ""), ("test", "test_")):
        told = results.get(split)
        for name, value in list(told.items())[:MANY] if isinstance(told, dict) else ():
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
    """Print the ranked table of a folder's jobs and write it as leaderboard.csv. Raises ConfigurationError."""
    found = ranked(jobs(folder))
    if not found:
        raise ConfigurationError(f"{folder} holds no runs: give the folder of a sweep, or one that holds run folders")
    rows = list(_rows(found))
    temporary = folder / f".{LEADERBOARD}"
    temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
    with temporary.open("x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    temporary.replace(folder / LEADERBOARD)
    table = Table(title=Text(visible(str(folder))), title_justify="left")
    for name in rows[0]:
        table.add_column(Text(name), overflow="fold")
    for row in rows[1:]:
        table.add_row(*(Text(f"{cell:.4g}" if isinstance(cell, float) else str(cell)) for cell in row))
    console = Console()
    wide = console if console.is_terminal else Console(width=max(console.width, 200))
    wide.print(table, soft_wrap=False)
    print(f"written to {folder / LEADERBOARD}")


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
