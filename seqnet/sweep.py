"""Sweeps: a folder and a status for every job. What came out is ranked by `seqnet.leaderboard`."""

import contextlib
import hashlib
import itertools
import math
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Glob, Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqnet import configuration, folders, isolation, strict_json, trust
from seqnet.errors import ConfigurationError
from seqnet.leaderboard.jobs import (
    DONE,
    FAILED,
    INTERRUPTED,
    MOST,
    RESULTS,
    RUNNING,
    STATUS,
    is_file,
    job_in,
    jobs,
    read,
)
from seqnet.leaderboard.table import whole
from seqnet.progress import duration
from seqnet.training.manifest import FOLDER, existing

TYPED = "multirun.yaml"  # what was typed, as Hydra writes it
OUTPUT = "output.log"  # what a job said that ran beside others
STOPPED = (130, 143)  # exit codes of a job that was asked to stop
NO_TEXT = ("true", "false", "null", "nan", "inf", "infinity")  # which, unless they are quoted, are other values


# ---------------------------------------------------------------- before the jobs


@contextlib.contextmanager
def prepared(
    arguments: Sequence[str], check: Callable[[configuration.Composed], object]
) -> Iterator[tuple[Path, list[str], "Outlook"]]:
    """The sweep's folder, the arguments that make Hydra use it, and what jobs are to come.

    The folder is `run_dir`, or a new one under outputs/sweeps/<experiment>, taken away again where no job begins. It
    belongs to no process, as each job's folder does: several can share the jobs of one sweep.
    check: raises ConfigurationError for a job that cannot run. Raises ConfigurationError where none can, or the folder
    holds one of other values.
    """
    overrides = configuration.parse_overrides(
        [configuration.quoted(argument) if argument.startswith("run_dir=") else argument for argument in arguments]
    )
    typed = {override.key_or_group: override for override in overrides}
    flags = [argument for argument in arguments if argument not in {override.input_line for override in overrides}]
    flags = [flag for flag in flags if not flag.startswith("run_dir=")]
    lines = [override for override in overrides if override.key_or_group not in ("run_dir", "hydra.sweep.dir")]
    first = _first(_combinations(flags, lines))
    lines = _with_seeds(lines, first.config)
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
    keys = tuple(key_of(override) for override in lines if override.is_sweep_override())
    if first.choices.get("sweep", "grid") == "grid":
        combinations = list(grid([str(override.input_line) for override in lines]))
        names = tuple(name for name, _ in combinations)
        outlook = Outlook(len(names), keys, names, tuple(_done(folder, flags, combinations)))
    else:  # of a sampler's jobs the values are not known yet
        outlook = Outlook(first.config["sweep"]["trials"] * first.config["sweep"]["seeds"], keys)
    if not any(holds_a_run(path) for path in (folder.iterdir() if folder.is_dir() else ())):
        _check(_combinations(flags, lines), check)
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    if absent:
        folder = folders.make(folder, numbered=given is None)
    done = [f"hydra.sweeper.done=[{','.join(map(configuration.quote, outlook.done))}]"] if outlook.done else []
    kept = [*flags, *(str(override.input_line) for override in lines), *done]
    try:
        yield (
            folder,
            [*kept, f"hydra.sweep.dir={configuration.quote(str(folder))}"],
            replace(outlook, began=time.time()),
        )
    except ConfigurationError:
        _remove_unused(folder, [folder, *absent[1:]] if absent else [])
        raise


def _with_seeds(overrides: Sequence[Override], config: Mapping[str, Any]) -> list[Override]:
    """The same with as many seeds swept as `sweep.seeds` says, from `seed` on. Raises ConfigurationError."""
    for override in overrides:
        if key_of(override).startswith("sweep.") and override.is_sweep_override():
            raise ConfigurationError(f"{override.input_line}: an option of the sweep itself takes one value")
    if (count := config["sweep"]["seeds"]) == 1:
        return list(overrides)
    for override in overrides:
        if key_of(override) == "seed" and override.is_sweep_override():
            raise ConfigurationError(
                f"{override.input_line} and sweep.seeds={count} both say which seeds are run: leave one out"
            )
    seeds = ",".join(str(config["seed"] + number) for number in range(count))
    others = [override for override in overrides if key_of(override) != "seed"]
    return [*others, *configuration.parse_overrides([f"seed={seeds}"])]


def key_of(override: Override) -> str:
    """The key or group that an override is of."""
    return override.get_key_element().lstrip("+")


def _combinations(flags: Sequence[str], overrides: Sequence[Override]) -> Iterator[list[str]]:
    """The arguments of each job of a grid, in order, but for what makes it a sweep; of an interval both ends."""
    rest = [flag for flag in flags if flag not in ("-m", "--multirun")]
    for values in itertools.product(*(_values(override) for override in overrides)):
        yield [*rest, *values]


def grid(arguments: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The name and the overrides of each job of a grid, in order; one that is given twice comes once.

    Raises ConfigurationError for a range that has no end of values.
    """
    overrides = configuration.parse_overrides(arguments)
    for override in overrides:
        if override.is_sweep_override() and not override.is_discrete_sweep():
            raise ConfigurationError(
                f"{override.input_line}: a grid takes single values; to draw from a range, choose sweep=random or "
                "sweep=tpe"
            )
    seen = set()
    for values in itertools.product(*(_values(override) for override in overrides)):
        swept = [value for value, override in zip(values, overrides, strict=True) if override.is_sweep_override()]
        if (lines := tuple(canonical(swept))) not in seen:
            seen.add(lines)
            yield _digits(lines), list(values)


def canonical(overrides: Iterable[str]) -> list[str]:
    """Overrides sorted, each in the one spelling that its value has: 1e-3 is 0.001, 'gru' is gru."""
    typed = configuration.typed_keys(configuration.parse_overrides(list(overrides)))
    parts = trust.parts()
    return sorted(f"{parts.get(key, key)}={_canonical(value)}" for key, value in typed.items())


def _canonical(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w./-]*", value) and value.lower() not in NO_TEXT:
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # which JSON cannot hold
    return strict_json.dumps(_whole(value), ensure_ascii=False, sort_keys=True)


def _whole(value: Any) -> Any:
    """1.0 is 1: which of the two is meant the option says."""
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _whole(each) for key, each in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def named(overrides: Iterable[str]) -> str:
    """The name of the job's folder: 8 digits that follow from the overrides that are swept, in whatever order."""
    return _digits(canonical(overrides))


def _digits(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


def subdir(name: str) -> str:
    """The override by which a sweeper says in which folder of the sweep a job lives."""
    return f"hydra.sweep.subdir={configuration.quote(name)}"


def keep_typed(folder: Path, config: DictConfig) -> None:
    """Write what was typed beside the jobs, whole at any time: several processes may share them. Raises OSError."""
    with whole(folder / TYPED) as temporary:
        OmegaConf.save(config, temporary)


def _first(combinations: Iterable[Sequence[str]]) -> configuration.Composed:
    """The first job that is a configuration. Raises the first job's ConfigurationError where none is."""
    return _check(combinations, lambda composed: None)


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


def _done(folder: Path, flags: Sequence[str], combinations: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    """The names of the jobs that are done. Raises ConfigurationError where runs there were made with other values."""
    rest = [flag for flag in flags if flag not in ("-m", "--multirun")]
    for name, values in combinations:
        if not holds_a_run(job := folder / name):
            continue
        status = read(job / STATUS)
        before, now = status.get("overrides"), {value for value in values if not value.startswith("hydra")}
        if isinstance(before, list) and {*map(str, before)} == now:  # typed as before: there is nothing to compare
            if status.get("status") == DONE and is_file(job / RESULTS):
                yield name
        else:
            place = f"run_dir={configuration.quote(str(job))}"
            try:
                composed = configuration.compose("train", [*rest, *values, place], sweeping=True)
            except ConfigurationError as error:
                raise ConfigurationError(f"{folder} holds runs of other values: for job {name}, {error}") from error
            if is_done(job, composed):
                yield name


def is_done(folder: Path, composed: configuration.Composed) -> bool:
    """Whether a job has nothing left to do: it ended well, and no limit is another one now."""
    if read(folder / STATUS).get("status") != DONE or not is_file(folder / RESULTS):
        return False
    stored = configuration.stored_config({**composed.config, "run_dir": str(folder), "resume": "auto"})
    if stored is None:
        return False
    return bool(configuration.as_stored(stored, composed.config)["training"] == composed.config["training"])


def holds_a_run(folder: Path) -> bool:
    """Whether a job can go on with what is in the folder."""
    return bool(existing(folder / FOLDER))


def _values(override: Override) -> list[str]:
    """One override a value; of an interval its two ends."""
    key = override.get_key_element()
    if isinstance(override.value(), Glob):
        raise ConfigurationError(f"{override.input_line}: type the choices, with commas between them")
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
            (folder / TYPED).unlink(missing_ok=True)
            for path in made:
                path.rmdir()


# -------------------------------------------------------------------- in the jobs


@dataclass(frozen=True)
class Outlook:
    """What jobs a sweep has, and when it began, in seconds as the system counts them."""

    jobs: int
    keys: tuple[str, ...] = ()  # that are swept
    names: tuple[str, ...] = ()  # of a grid's jobs, in their order
    done: tuple[str, ...] = ()  # of them, before it began
    began: float = field(default_factory=time.time)
    pid: int = field(default_factory=os.getpid)  # of the process that has the jobs run
    host: str = field(default_factory=lambda: os.uname().nodename)

    def of(self, status: "Status") -> str:
        """What is said as a job begins: which it is, its values, and how long the rest may take."""
        beside = (path for path in status.folder.parent.iterdir() if is_file(path / STATUS))
        ended = [path for path in beside if (path / STATUS).stat().st_mtime >= self.began and path != status.folder]
        done = sum(read(path / STATUS).get("status") != RUNNING for path in ended)
        to_come = max(self.jobs - len(self.done) - done, 1)
        left = duration((time.time() - self.began) / done * to_come) if done else None
        line = self.which(status)
        return line if left is None else f"{line}: about {left} left"

    def over(self) -> bool:
        """Whether who had the jobs run has ended, as far as this machine knows: no further one begins."""
        return self.host == os.uname().nodename and not isolation.alive(self.pid)

    def stop(self, folder: Path) -> None:
        """Ask those of its jobs to stop that still run on this machine, and wait for their end."""
        mine = {"sweep": self.pid, "host": self.host, "status": RUNNING}
        asked: set[Path] = set()
        while running := [path for path in folder.iterdir() if mine.items() <= read(path / STATUS).items()]:
            running = [path for path in running if folders.in_use(path)]
            for path in set(running) - asked:
                asked.add(path)
                if (pid := folders.holder(path)) is not None:  # whatever the file says, which anyone may have written
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, isolation.gentle())
            if not running:
                return
            time.sleep(0.1)

    def which(self, status: "Status") -> str:
        """Such as `job 3 of 8 3f2a91c0 (cell=gru)`."""
        name = status.folder.name
        number = self.names.index(name) + 1 if name in self.names else status.number + 1
        return f"job {number} of {self.jobs} {name} ({status.told})"


@dataclass
class Status:
    """The status.json of a job."""

    folder: Path
    overrides: list[str]
    swept: list[str]  # in canonical form, from which its name follows
    number: int
    sweep: int  # the process that has the jobs run
    began: float = field(default_factory=time.time)

    @classmethod
    def of_this_job(cls, outlook: Outlook) -> "Status":
        """Of the job that Hydra runs now; nothing is written yet."""
        hydra_config = HydraConfig.get()
        overrides = list(hydra_config.overrides.task)
        swept = [str(one.input_line) for one in configuration.parse_overrides(overrides) if key_of(one) in outlook.keys]
        folder = Path(hydra_config.runtime.output_dir)
        return cls(folder, overrides, canonical(swept), int(hydra_config.job.num), outlook.pid)

    @property
    def told(self) -> str:
        """Its values, for people."""
        return " ".join(self.swept or self.overrides)

    @property
    def heading(self) -> str:
        """What stands before the job's error message."""
        return f"job {self.folder.name} ({self.told}): "

    def begin(self) -> None:
        """Write that it runs, in this process, which is true as long as that holds the folder."""
        self.began = time.time()
        self._write(RUNNING, None, None, os.getpid(), None)

    def end(self, code: int, sentence: str | None, pid: int | None = None) -> None:
        """Write how it ended. pid: of its process, if it is another one than this."""
        how = DONE if code == 0 else INTERRUPTED if code in STOPPED else FAILED
        self._write(how, code, sentence, pid or os.getpid(), round(time.time() - self.began, 2))

    def _write(self, status: str, code: int | None, sentence: str | None, pid: int, seconds: float | None) -> None:
        content = {
            "status": status,
            "exit_code": code,
            "error": sentence,
            "swept": self.swept,
            "overrides": self.overrides,
            "seconds": seconds,
            "pid": pid,
            "host": os.uname().nodename,
            "sweep": self.sweep,
        }
        # A full disk must not end the other jobs.
        with contextlib.suppress(OSError), whole(self.folder / STATUS) as temporary:
            temporary.write_text(strict_json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def is_held_by(self, pid: int | None) -> bool:
        """Whether the process of that id is at work in the folder."""
        return self._is_of(pid) and folders.in_use(self.folder)

    def _is_of(self, pid: int | None) -> bool:
        found = read(self.folder / STATUS)
        return found.get("pid") == pid and found.get("host") == os.uname().nodename

    def is_left_by(self, pid: int | None, code: int | None) -> bool:
        """Whether the process of that id, which ended with that code, left it to others to say how."""
        if self._is_of(pid):
            return bool(read(self.folder / STATUS).get("status") == RUNNING)
        return code != 0 and not folders.in_use(self.folder)  # it never came to say that it runs


def launched(folder: Path) -> tuple[bool, Path | None]:
    """Whether the launcher waits for the jobs itself, and the file that takes what one says where several do."""
    options = HydraConfig.get().launcher
    waits = str(options.get("_target_")).startswith("hydra_plugins.seqnet_launcher.")
    return waits, folder / OUTPUT if waits and options.n_jobs != 1 else None


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
    return [key_of(one) for one in overrides if one.is_sweep_override()]


def score(folder: Path) -> float | None:
    """What the monitored score of a finished run is; None where there is none."""
    found = job_in(folder)
    return found.score if found.ranks else None
