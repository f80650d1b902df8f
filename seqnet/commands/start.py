"""Where a run begins: at its first step, at a checkpoint of its own folder, or at one of another run."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqnet.configuration import as_stored, changes, goes_on_elsewhere, merge_stored
from seqnet.errors import CheckpointError, ConfigurationError, DiskError
from seqnet.folders import LOCK
from seqnet.terminal import warn
from seqnet.training import checkpoint, manifest
from seqnet.training.limits import Limits
from seqnet.training.progress import Stopping, check_numbers
from seqnet.trust import CONTINUED, refuse_elsewhere

OWN = ("config.yaml", "metrics.jsonl", "results.json", "train.log", "trace.json", LOCK)
FOLDERS = ("tensorboard", "tensorboard/train", "tensorboard/valid", "checkpoints")

Config = dict[str, Any]
Components = dict[str, Any]


@dataclass(frozen=True)
class Beginning:
    """The configuration to run and, where there is one, the checkpoint to go on from.

    changed: what a run in a new folder does otherwise than the stored one, key -> [before, now].
    """

    config: Config
    checkpoint: Path | None = None
    components: Components | None = None
    before: Limits | None = None  # those that the checkpoint was written with
    changed: Config = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether training is over: a limit is reached, or it stopped early."""
        if self.components is None:
            return False
        stopping = early_stopping(self.config)
        stopping.restore(self.components["early_stopping"])
        check_numbers([self.components["counters"], self.components["data_position"]], 0)
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


def passed_over(sentence: str) -> None:
    """Tell of a damaged checkpoint."""
    warn(f"passed over: {sentence}")


def begin(
    config: Config,
    folder: Path,
    typed: dict[str, Any],
    choices: dict[str, str],
    tell: Callable[[str], None] = passed_over,
) -> Beginning:
    """Find where to begin; `tell` hears of what is damaged. Raises ConfigurationError and CheckpointError."""
    resume = config["resume"]
    own = folder / "checkpoints"
    if resume == "auto":
        found = checkpoint.newest(own, tell)
        if found is None:
            _check_rows(folder)
            return Beginning(config)
    elif manifest.existing(own) or (folder / "config.yaml").exists():
        raise ConfigurationError(f"run_dir={folder} holds a run already; give another run_dir, or resume=auto")
    elif resume == "never":
        return Beginning(config)
    else:
        found = _elsewhere(Path(resume), tell)
    path, components = found
    try:
        merged = merge_stored(config, components["config"], typed, choices)
        components = {**components, "config": as_stored(components["config"], config)}
        changed = changes(merged, components["config"], typed, choices) if goes_on_elsewhere(config) else {}
        if changed:
            entry = {"path": str(path), "step": components["counters"]["step"], "changed": changed}
            merged[CONTINUED] = [*(merged.get(CONTINUED) or []), entry]
        if "training.monitor" in changed:  # what was best by another score says nothing
            components = {**components, "early_stopping": early_stopping(merged).state()}
        beginning = Beginning(merged, path, components, limits(components["config"]), changed)
        if not beginning.complete and "data.path" not in typed:
            refuse_elsewhere(merged)
        components["data"]  # noqa: B018  is relied on later
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(f"{path} does not hold what a run needs to go on ({error!r})") from error
    return beginning


def _elsewhere(path: Path, tell: Callable[[str], None]) -> tuple[Path, Components]:
    """The checkpoint that `resume=path` names, or of a run folder the newest that reads."""
    if not manifest.is_checkpoint(path):
        found = checkpoint.newest(path / "checkpoints", tell)
        if found is not None:
            return found
    one = manifest.find(path, "last").resolve()
    return one, checkpoint.read(one)


def check_folder(folder: Path) -> None:
    """Refuse a run folder that cannot be one. Raises ConfigurationError and CheckpointError."""
    there = _there(folder)
    if not there.is_dir():
        raise ConfigurationError(f"run_dir={folder}: {there} is a file, not a folder; give another run_dir")
    for name in (*OWN, *FOLDERS):
        path = folder / name
        if path.is_symlink():
            raise CheckpointError(f"{path} is a link, which could lead anywhere: a run folder holds none")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise CheckpointError(f"{path} is a pipe or a device, for which a run would wait for ever: remove it")
        if path.exists() and path.is_dir() != (name in FOLDERS):
            there_is, wanted = ("a folder", "a file") if path.is_dir() else ("a file", "a folder")
            raise ConfigurationError(f"{path} is {there_is}, and a run has {wanted} of that name: move it away")


def check_permission(folder: Path) -> None:
    """Refuse early a run folder that cannot be made or written to. Raises DiskError."""
    there = _there(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        raise DiskError(f"run_dir={folder}: no permission to write in {there}; give another run_dir")


def _there(folder: Path) -> Path:
    """The folder, or the innermost one above it that exists."""
    return next(path for path in (folder, *folder.parents, Path("/")) if path.exists())


def _check_rows(folder: Path) -> None:
    """Refuse to begin anew where a run that wrote rows has lost its checkpoints."""
    rows = folder / "metrics.jsonl"
    if rows.is_file() and rows.stat().st_size:
        raise CheckpointError(f"{rows} holds the rows of a run, but there is no checkpoint; give another run_dir")


def adopt(found: Path, components: Components, folder: Path, changed: Components | None = None) -> None:
    """Copy into a new run folder what stands in the old one: the rows so far, the checkpoint, and the best ones.

    found: the checkpoint to go on from. Where it is of this very folder, a crash may have left `last` and `best`
    behind it. changed: what it holds where the run goes on with changed options. The folder of the checkpoints is
    there only when all of them are, so that no crash can leave one without the change.
    """
    final, old = folder / manifest.FOLDER, found.parent
    best = [checkpoint.named(old, step) for _, step in components["early_stopping"]["best"]]
    if old.resolve() == final.resolve():
        _link(final, checkpoint.put_back(found), best)
        return
    new = folder / ".adopting"
    shutil.rmtree(new, ignore_errors=True)
    rows = old.parent / "metrics.jsonl"
    if old.name == final.name and rows.is_file() and not rows.is_symlink():
        shutil.copyfile(rows, folder / rows.name)
    for path in best:
        if path != found and path.is_dir() and not path.is_symlink():
            try:
                checkpoint.copy(path, new)
            except CheckpointError as error:
                passed_over(str(error))
    if changed is None:
        found = checkpoint.copy(found, new)
    else:
        found = checkpoint.write(new, components["counters"]["step"], changed)
    _link(new, found, best)
    checkpoint.rename(new, final)


def _link(folder: Path, last: Path, best: list[Path]) -> None:
    """Point `last` and, if it is there, `best` at checkpoints of the folder."""
    checkpoint.link(folder, "last", folder / last.name)
    if best and (folder / best[0].name).is_dir():
        checkpoint.link(folder, "best", folder / best[0].name)
