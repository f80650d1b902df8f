"""metrics.jsonl: one flat row a report, the same in every run of the same configuration."""

import json
import os
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

from seqnet import strict_json
from seqnet.batch import EvaluationReport, TrainingReport
from seqnet.errors import on_disk, visible
from seqnet.observers.run import Observer, Run
from seqnet.terminal import warn

ROWS = "metrics.jsonl"
MOST = 3  # places that are named where rows are gone


class MetricsFile(Observer):
    """Appends a row for each report; holds no time, no speed and no path, so that equal runs write equal files."""

    def __init__(self) -> None:
        self._file: FileIO | None = None
        self._path = Path()

    def on_start(self, run: Run) -> None:
        """Open the run's file, cut at the step where the run goes on; say which of the rows up to there are gone."""
        self._path = run.folder / ROWS
        if run.rows:
            every = run.config["training"]["log_every_steps"]
            gone = lost(self._path, run.step, run.evaluated, run.rows, every)
            if gone is not None:
                warn(gone)
        self._open(run)

    def _open(self, run: Run) -> None:
        cut(self._path, run.step, run.evaluated)
        with on_disk(self._path):
            self._file = self._path.open("ab", buffering=0)  # what the disk refuses is not tried again by `close`

    def on_rewind(self, run: Run) -> None:
        """Cut the file where the run goes on."""
        self.close()
        self._open(run)

    def on_training(self, report: TrainingReport) -> None:
        """Write a row of the training split."""
        self._write(
            {
                "step": report.step,
                "epoch": report.epoch,
                "split": "train",
                **report.scores,
                "learning_rate": report.learning_rate,
                "gradient_norm": report.gradient_norm,
                "clipped_share": report.clipped_share,
                "padded_share": report.padded_share,
            }
        )

    def on_evaluation(self, report: EvaluationReport) -> None:
        """Write a row of the split that was scored."""
        self._write({"step": report.step, "epoch": report.epoch, "split": report.split, **report.scores})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, row: dict[str, Any]) -> None:
        assert self._file is not None, "on_start opens the file"
        left = strict_json.dumps(row).encode() + b"\n"
        with on_disk(self._path):
            while left:
                left = left[self._file.write(left) :]


def cut(path: Path, step: int, evaluated: int) -> None:
    """Keep the rows of the file that a run going on after `step`, last evaluated at step `evaluated`, has written.

    Later rows go, a row that was not written to its end goes, and so do test scores: they are made when a
    run ends, and this one goes on.
    """
    until = {"train": step, "valid": evaluated}
    keep_lines(path, lambda line: _stays(line, until))


def keep_lines(path: Path, stays: Callable[[bytes], bool]) -> None:
    """Keep the lines of a file that `stays` says. It is replaced whole or left alone; a missing one stays missing."""
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if stays(line)]
    if len(kept) == len(lines):
        return
    temporary = path.with_name(path.name + ".cut")
    with on_disk(path):
        temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
        with temporary.open("xb") as file:
            file.writelines(kept)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


def lost(path: Path, step: int, evaluated: int, rows: int, every: int) -> str | None:
    """Which rows are gone of as many as a run going on after `step` has written; None where none is.

    No more than `every` steps lie between two rows. A line that cannot be read is a row that is gone.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    until, there, places = {"train": step, "valid": evaluated}, 0, []
    before, torn = 0, False
    for line in lines:
        row = _row(line)
        if row is not None and row[1] > until.get(row[0], -1):
            continue
        if row is None:
            torn = line.endswith(b"\n")  # what has no end is what a crash cut off, after `step`
            continue
        there += 1
        if torn or row[1] - before > every:
            places.append(f"between steps {before} and {row[1]}")
        before, torn = row[1], False
    if torn or step - before >= every:
        places.append(f"after step {before}")
    if there >= rows:
        return None
    if not there:
        return f"{visible(str(path))} has lost all {rows} rows, up to step {step}; the run goes on without them"
    where = ", ".join(places[:MOST]) + (" and elsewhere" if len(places) > MOST else "")
    return (
        f"{visible(str(path))} has lost {rows - there} of the {rows} rows up to step {step}"
        f"{': those ' if where else ''}{where}; the run goes on without them"
    )


def _stays(line: bytes, until: Mapping[str, int]) -> bool:
    row = _row(line)
    return row is not None and row[1] <= until.get(row[0], -1)


def _row(line: bytes) -> tuple[str, int] | None:
    """Split and step of a row; None where it was cut off by a crash, is damaged, or a stranger's."""
    try:
        row = json.loads(line)
        split, step = row["split"], row["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    whole = line.endswith(b"\n") and isinstance(split, str) and isinstance(step, int)
    return (split, step) if whole else None
