"""What is known of the jobs of a sweep, or of any run folders, from their files, which may come from anywhere."""

import itertools
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from seqnet import folders
from seqnet.configuration.keys import leaves
from seqnet.errors import visible
from seqnet.options import shown
from seqnet.scores import better

STATUS = "status.json"
RESULTS = "results.json"
CONFIG, ROWS = "config.yaml", "metrics.jsonl"
DONE, PRUNED, RUNNING, INTERRUPTED, FAILED = "done", "pruned", "running", "interrupted", "failed"
DEPTH, FEW = 4, 10_000  # folders below each other in which runs are looked for, and runs
MOST, MANY, BRIEF = 1 << 24, 100, 1000  # bytes of such a file, entries of a list in it, characters of a text
MOST_CONFIG = 1 << 18  # bytes of a configuration
OWN = ("run_dir", "resume")  # options in which any two runs differ
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Job:
    """What is known of a job, or of any run folder, from its files."""

    name: str
    status: str
    exit_code: int | None
    error: str | None
    overrides: dict[str, str]
    monitor: str | None
    score: float | None  # the monitored one; of what has not ended the best so far
    scores: dict[str, float]  # of the best checkpoint, and on the test split
    seconds: float | None = None  # of training
    typed: frozenset[str] = frozenset()  # which of `overrides` were typed; the others are all that the run says
    ended: float | None = None  # when, in seconds as the system counts them

    @property
    def failed(self) -> bool:
        """Whether it did not reach its end, and no process is at it."""
        return self.status not in (DONE, PRUNED, RUNNING)

    @property
    def ranks(self) -> bool:
        """Whether it has a score that will not change."""
        return self.score is not None and self.status in (DONE, PRUNED)


def jobs(folder: Path) -> list[Job]:
    """Every job or run under a folder, however nested, in the order of their names. Links are not followed."""
    found = [job_in(path, folder) for path in itertools.islice(_runs(folder, DEPTH), FEW)]
    return sorted(found, key=lambda job: (len(job.name), job.name))


def _runs(folder: Path, depth: int) -> Iterator[Path]:
    """The run folders below a folder. A run holds none."""
    try:
        inside = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for path in (folder / name for name in inside if not name.startswith(".")):
        if is_file(path / STATUS) or is_file(path / RESULTS) or (is_file(path / CONFIG) and is_file(path / ROWS)):
            yield path
        elif depth > 1:
            yield from _runs(path, depth - 1)


def job_in(folder: Path, top: Path | None = None) -> Job:
    """What the files say, as far as it is what seqnet writes. top: the folder that it is named from."""
    status = read(folder / STATUS)
    results = read(folder / RESULTS)
    word = _word(status, results)
    if word == RUNNING and not folders.in_use(folder):
        status, results = read(folder / STATUS), read(folder / RESULTS)  # it may have ended since
        word = _word(status, results)
        if word == RUNNING:
            word = INTERRUPTED  # by what left it no time to say so
    listed = status.get("overrides")
    lines = listed[:MANY] if isinstance(listed, list) else []
    overrides = dict(
        visible(line[:BRIEF]).lstrip("+").split("=", 1)
        for line in lines
        if isinstance(line, str) and "=" in line[:BRIEF]
    )
    code, seconds = status.get("exit_code"), results.get("seconds")
    begun = not results and word in (RUNNING, INTERRUPTED)
    configured = _configured(folder) if begun or not overrides else {}
    monitor = configured.get("training.monitor") if begun else _text(results.get("monitor"))
    scores = _so_far(folder / ROWS, monitor) if begun else _reached(results)
    return Job(
        name=visible(str(folder.relative_to(top or folder.parent))),
        status=word,
        exit_code=code if isinstance(code, int) else None,
        error=_text(status.get("error")),
        overrides=overrides or configured,
        monitor=monitor,
        score=scores.get(str(monitor), scores.get(f"test_{monitor}")) if word != FAILED else None,
        scores=scores,
        seconds=round(float(seconds), 2) if isinstance(seconds, int | float) and 0 <= seconds < MOST else None,
        typed=frozenset(overrides),
        ended=_written(folder / RESULTS) if results else None,
    )


def _word(status: dict[str, Any], results: dict[str, Any]) -> str:
    """How it stands: what its status says, or its results say for it."""
    word = _text(status.get("status")) or (DONE if results else RUNNING)
    return PRUNED if word == DONE and results.get("pruned") is True else word


def _reached(results: dict[str, Any]) -> dict[str, float]:
    """The scores of a run that has ended: on the validation split, and with `test_` before their names."""
    found: dict[str, float] = {}
    for split, prefix in (("best", ""), ("test", "test_")):
        told = results.get(split)
        found |= _numbers(told, prefix) if isinstance(told, dict) else {}
    return found


def _so_far(path: Path, monitor: str | None) -> dict[str, float]:
    """The scores of the best evaluation in a file of rows, which may be written to this very moment."""
    found: dict[str, float] = {}
    try:
        lines = path.read_bytes().splitlines() if is_file(path) and path.stat().st_size < MOST else []
    except OSError:
        return found
    for line in lines:
        row = parsed(line) if b"valid" in line else {}
        scores = _numbers(row, "") if row.get("split") == "valid" else {}
        value = scores.get(str(monitor), math.nan)
        if better(str(monitor), value, found.get(str(monitor))):
            found = scores
    return found


def _numbers(told: dict[str, Any], prefix: str) -> dict[str, float]:
    """The scores among what is told, by their names."""
    found = {}
    for name, value in list(told.items())[:MANY]:
        value = math.nan if value is None else value  # which JSON cannot hold
        number = isinstance(value, float) or (type(value) is int and abs(value) < 2**63)
        if name not in ("step", "epoch") and number:
            found[visible(f"{prefix}{name}"[:BRIEF])] = float(value)
    return found


def _configured(folder: Path) -> dict[str, str]:
    """What the configuration of a run says that is no job of a sweep: its groups, then its options."""
    path = folder / CONFIG
    try:
        text = path.read_text(encoding="utf-8") if is_file(path) and path.stat().st_size < MOST_CONFIG else ""
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


def is_file(path: Path) -> bool:
    """Whether it is a file of its own, and no link to one."""
    try:
        return path.is_file() and not path.is_symlink()
    except OSError:  # no permission to look
        return False


def read(path: Path) -> dict[str, Any]:
    """What such a file of JSON holds; nothing where it is none, or no whole one."""
    try:
        return parsed(path.read_bytes()) if is_file(path) and path.stat().st_size < MOST else {}
    except OSError:
        return {}


def parsed(text: bytes) -> dict[str, Any]:
    """What a text of JSON holds; nothing where it is none, or no object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _written(path: Path) -> float | None:
    """When a file was written to."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None
