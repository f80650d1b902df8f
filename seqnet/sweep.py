"""Sweeps: a folder and a status for every job. What came out is ranked by `seqnet.leaderboard`."""

import contextlib
import itertools
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

from seqnet import configuration, folders, strict_json
from seqnet.errors import ConfigurationError
from seqnet.leaderboard.jobs import MOST, RUNNING, STATUS, is_file, job_in, jobs, read
from seqnet.progress import duration
from seqnet.training.manifest import FOLDER, existing

TYPED = "multirun.yaml"  # what was typed, as Hydra writes it


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
        beside = (path for path in status.folder.parent.iterdir() if is_file(path / STATUS))
        ended = [path for path in beside if (path / STATUS).stat().st_mtime >= self.began and path != status.folder]
        done = sum(read(path / STATUS).get("status") != RUNNING for path in ended)
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
        found = OmegaConf.load(path) if is_file(path) and path.stat().st_size < MOST else None
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
    return job_in(folder).score
