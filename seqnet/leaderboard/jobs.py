"""What is known of the jobs of a sweep, or of any run folders, from their files, which may come from anywhere."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from seqnet import folders
from seqnet.configuration.keys import leaves
from seqnet.errors import visible
from seqnet.options import shown

STATUS = "status.json"
RESULTS = "results.json"
RUNNING = "running"
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
    found = [path for path in found if is_file(path / STATUS) or is_file(path / RESULTS)]
    return [job_in(path) for path in sorted(found, key=lambda path: (len(path.name), path.name))]


def job_in(folder: Path) -> Job:
    """What the files say, as far as it is what seqnet writes: they may come from anywhere."""
    status = read(folder / STATUS)
    if status.get("status") == RUNNING and not folders.in_use(folder):
        status = read(folder / STATUS)  # it may have ended since
        if status.get("status") == RUNNING:
            status["status"] = "interrupted"  # by what left it no time to say so
    results = read(folder / RESULTS)
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
    return path.is_file() and not path.is_symlink()


def read(path: Path) -> dict[str, Any]:
    """What such a file of JSON holds; nothing where it is none, or no whole one."""
    try:
        found = json.loads(path.read_text()) if is_file(path) and path.stat().st_size < MOST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
