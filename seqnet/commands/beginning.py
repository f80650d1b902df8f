"""Where a run begins: at its first step, at a checkpoint of its own folder, or at one of another run."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqnet.configuration import merge_stored
from seqnet.errors import CheckpointError, ConfigurationError, DiskError
from seqnet.training import checkpoint
from seqnet.training.progress import Stopping
from seqnet.training.trainer import Limits

OWN = ("config.yaml", "metrics.jsonl", "results.json", "train.log", "tensorboard", "checkpoints")

Config = dict[str, Any]
Components = dict[str, Any]


@dataclass(frozen=True)
class Beginning:
    """The configuration to run and, where there is one, the checkpoint to go on from."""

    config: Config
    checkpoint: Path | None = None
    components: Components | None = None

    @property
    def complete(self) -> bool:
        """Whether training is over: a limit is reached, or it stopped early."""
        if self.components is None:
            return False
        stopping = early_stopping(self.config)
        stopping.restore(self.components["early_stopping"])
        counters, epoch = self.components["counters"], self.components["data_position"]["epoch"]
        reached = limits(self.config).reached(counters["step"], epoch, counters["seconds"] / 60)
        return reached or stopping.stop


def limits(config: Config) -> Limits:
    """When training ends."""
    training = config["training"]
    return Limits(training["max_steps"], training["max_epochs"], training["max_minutes"])


def early_stopping(config: Config) -> Stopping:
    """What remembers the best evaluations, at the first step."""
    training = config["training"]
    return Stopping(training["monitor"], training["patience"], config["checkpoint"]["keep_best"])


def begin(config: Config, folder: Path, typed: dict[str, Any], choices: dict[str, str]) -> Beginning:
    """Find where to begin. Raises ConfigurationError, CheckpointError and DiskError; writes nothing."""
    _check_folder(folder)
    resume = config["resume"]
    own = folder / "checkpoints"
    if resume == "auto":
        found = checkpoint.newest(own, _passed_over)
        if found is None:
            _check_rows(folder)
            return Beginning(config)
    elif checkpoint.existing(own) or (folder / "config.yaml").exists():
        raise ConfigurationError(f"run_dir={folder} holds a run already; give another run_dir, or resume=auto")
    elif resume == "never":
        return Beginning(config)
    else:
        found = _elsewhere(Path(resume))
    path, components = found
    try:
        merged = merge_stored(config, components["config"], typed, choices)
        beginning = Beginning(merged, path, components)
        beginning.complete  # noqa: B018  reads what the rest relies on
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} does not hold what a run needs to go on ({error!r})") from error
    return beginning


def _passed_over(sentence: str) -> None:
    print(f"seqnet: passed over: {sentence}", file=sys.stderr)


def _elsewhere(path: Path) -> tuple[Path, Components]:
    """The checkpoint that `resume=path` names, or of a run folder the newest that reads."""
    if not (path / checkpoint.MANIFEST).is_file():
        found = checkpoint.newest(path / "checkpoints", _passed_over)
        if found is not None:
            return found
    one = checkpoint.find(path, "last").resolve()
    return one, checkpoint.read(one)


def _check_folder(folder: Path) -> None:
    """Refuse early a run folder that cannot be made or written to."""
    there = next(path for path in (folder, *folder.parents, Path("/")) if path.exists())
    if not there.is_dir():
        raise ConfigurationError(f"run_dir={folder}: {there} is a file, not a folder; give another run_dir")
    for name in OWN:
        if (folder / name).is_symlink():
            raise CheckpointError(f"{folder / name} is a link, which could lead anywhere: a run folder holds none")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DiskError(f"run_dir={folder}: no permission to write in {there}; give another run_dir")


def _check_rows(folder: Path) -> None:
    """Refuse to begin anew where a run that wrote rows has lost its checkpoints."""
    rows = folder / "metrics.jsonl"
    if rows.is_file() and rows.stat().st_size:
        raise CheckpointError(f"{rows} holds the rows of a run, but there is no checkpoint; give another run_dir")


def make_folder(folder: Path) -> None:
    """Make the run folder. Raises DiskError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"run_dir={folder} cannot be made: {error.strerror}; give another run_dir") from error


def adopt(found: Path, components: Components, folder: Path) -> None:
    """Copy into a new run folder what stands in the old one: the rows so far, the checkpoint, and the best ones.

    found: the checkpoint to go on from. Where it is of this very folder, a crash may have left `last` and `best`
    behind it.
    """
    new, old = folder / "checkpoints", found.parent
    best = [checkpoint.named(old, step) for _, step in components["early_stopping"]["best"]]
    if old.resolve() == new.resolve():
        found = checkpoint.put_back(found)
    else:
        rows = old.parent / "metrics.jsonl"
        if old.name == new.name and rows.is_file():
            shutil.copyfile(rows, folder / rows.name)
        for path in best:
            if path != found and path.is_dir() and not path.is_symlink():
                try:
                    checkpoint.copy(path, new)
                except CheckpointError as error:
                    _passed_over(str(error))
        found = checkpoint.copy(found, new)
    checkpoint.link(new, "last", new / found.name)
    if best and (new / best[0].name).is_dir():
        checkpoint.link(new, "best", new / best[0].name)
