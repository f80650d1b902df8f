"""metrics.jsonl: one flat row a report, the same in every run of the same configuration."""

import json
import os
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any

from seqnet import strict_json
from seqnet.batch import EvaluationReport, TrainingReport
from seqnet.errors import on_disk
from seqnet.observers.run import Observer, Run


class MetricsFile(Observer):
    """Appends a row for each report; holds no time, no speed and no path, so that equal runs write equal files."""

    def __init__(self) -> None:
        self._file: FileIO | None = None
        self._path = Path()

    def on_start(self, run: Run) -> None:
        """Open the run's file, cut at the step where the run goes on."""
        self._path = run.folder / "metrics.jsonl"
        cut(self._path, run.step, run.evaluated)
        with on_disk(self._path):
            self._file = self._path.open("ab", buffering=0)  # what the disk refuses is not tried again by `close`

    def on_rewind(self, run: Run) -> None:
        """Cut the file where the run goes on."""
        self.close()
        self.on_start(run)

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
    run ends, and this one goes on. The file is replaced whole or left alone; a missing one stays missing.
    """
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if _stays(line, {"train": step, "valid": evaluated})]
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


def _stays(line: bytes, until: Mapping[str, int]) -> bool:
    try:
        row = json.loads(line)
        return line.endswith(b"\n") and row["step"] <= until.get(row["split"], -1)
    except (ValueError, KeyError, TypeError, RecursionError):  # cut off by a crash, or a stranger's
        return False
