"""A job of a search tells the study how it does, and is given up where the others did better."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from seqnet.batch import EvaluationReport
from seqnet.observers.metrics_file import ROWS
from seqnet.observers.run import Observer, Run
from seqnet.study import Curve, Median, curve
from seqnet.terminal import warn

Answer = TypeVar("Answer")


class Pruning(Observer):
    """Tells each validation score, and asks to end training once the study says so. Of no other run it says a word."""

    def __init__(self, median: Median) -> None:
        self._median = median
        self._curve: Curve | None = None

    def on_start(self, run: Run) -> None:
        """Find the trial that the run belongs to."""
        self._folder, self._monitor = run.folder, run.monitor
        self._curve = self._asked(lambda: curve(run.folder, self._median))

    def on_evaluation(self, report: EvaluationReport) -> None:
        """Tell the score, and those of evaluations before the run was stopped and went on."""
        told = self._curve
        if report.split == "valid" and told is not None:
            scores = _scores(self._folder / ROWS, self._monitor)
            self.gives_up = bool(self._asked(lambda: told.report(scores)))

    def _asked(self, question: Callable[[], Answer]) -> Answer | None:
        """What the study says; None where it cannot be asked, which is no reason to end the run."""
        try:
            return question()
        except Exception as error:  # a database has many
            self._curve = None
            first = str(error).partition("\n")[0]
            warn(f"{self._folder.parent}: the study cannot be asked, so this job is not pruned: {first}")
            return None


def _scores(path: Path, monitor: str) -> list[float]:
    """The scores of all evaluations so far, first to last."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_bytes().splitlines()]
    values = [row.get(monitor) for row in rows if row["split"] == "valid"]
    return [float("nan") if value is None else float(value) for value in values]
