"""MLflow: the options, scores and samples of a run in a store on this machine, which many runs share."""

import fcntl
import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from seqnet.batch import Confusion, EvaluationReport, TrainingReport
from seqnet.errors import ConfigurationError, DiskError
from seqnet.observers.memory_report import MemoryReport
from seqnet.observers.metrics_file import ROWS
from seqnet.observers.pictures import Pictures
from seqnet.observers.run import Observer, Run
from seqnet.observers.tensorboard import NO_PARAMETERS, final_scores
from seqnet.options import FolderName

FOLDER = "seqnet.run_dir"  # the tag that says which run folder it is
MOST, LONGEST = 100, 5000  # parameters that are sent at a time, and characters of one
SENT, ALL = 1000, 50_000  # metrics at a time, and runs of an experiment
NOT_IN_A_NAME = re.compile(r"[^\w./: -]", re.ASCII)


class MLflow(Observer):
    """Keeps a run in the store of `folder`, a database and what belongs to it: `mlflow ui` shows it.

    A run that goes on is kept anew: what it had told is read again from its metrics.jsonl, so that no point stands
    twice. Pictures and samples are those of the last evaluation. Nothing is sent anywhere. Raises ConfigurationError
    where mlflow is not installed.
    """

    def __init__(self, folder: FolderName = "mlruns") -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise ConfigurationError(
                "observers.mlflow needs the package mlflow: pip install 'seqnet[mlflow]'"
            ) from error
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)  # they tell of each table that is made
        self._make_client: Any = MlflowClient
        self._folder = Path(folder)
        self._client: Any = None
        self._id = ""  # of the run in the store, while it goes on
        self._run: Run | None = None
        self._pictures = Pictures()

    def on_start(self, run: Run) -> None:
        """Begin a run in the store, in the place of one of the same folder; tell it what was told so far."""
        self._run, folder = run, str(run.folder.resolve())
        with self._kept(), self._alone():
            self._client = self._make_client(tracking_uri=f"sqlite:///{self._folder.resolve() / 'mlflow.db'}")
            found = self._client.get_experiment_by_name(run.experiment)
            if found is None:
                artifacts = (self._folder.resolve() / "artifacts").as_uri()
                experiment = self._client.create_experiment(run.experiment, artifact_location=artifacts)
            else:
                experiment = found.experiment_id
            for old in self._client.search_runs([experiment], max_results=ALL):
                if old.data.tags.get(FOLDER) == folder:
                    self._client.delete_run(old.info.run_id)
            made = self._client.create_run(experiment, run_name=run.folder.name, tags={FOLDER: folder})
            self._id = made.info.run_id
        self._send_parameters(run.config)
        self._send(metric for row in _rows(run.folder / ROWS) for metric in _metrics(row))

    def on_rewind(self, run: Run) -> None:
        """Begin it anew where the run goes on."""
        self.on_start(run)

    def on_training(self, report: TrainingReport) -> None:
        """The scores of training, and what tells how it goes."""
        told = ("learning_rate", "gradient_norm", "clipped_share", "padded_share", "tokens_per_second")
        row = {"split": "train", "step": report.step, **report.scores, **{name: getattr(report, name) for name in told}}
        self._send(_metrics(row))

    def on_evaluation(self, report: EvaluationReport) -> None:
        """The scores of a split; samples of it and what there is to see of them."""
        self._send(_metrics({"split": report.split, "step": report.step, **report.scores}))
        with self._kept():
            if report.samples:
                self._client.log_text(self._id, "\n\n".join(report.samples), f"{report.split}/samples.txt")
            confused = () if report.confusion is None else (Confusion.named(report.confusion, report.class_names),)
            for number, found in enumerate((*report.pictures, *confused), 1):
                if (picture := self._pictures.draw(found)) is not None:
                    self._client.log_image(self._id, picture, f"{report.split}/{found.kind}_{number}.png")

    def on_memory(self, report: MemoryReport) -> None:
        """The memory panel, where it was drawn; its numbers are in memory.jsonl."""
        if report.picture is not None:
            with self._kept(), Image.open(BytesIO(report.picture)) as picture:
                self._client.log_image(self._id, picture, "memory.png")

    def on_end(self, results: dict[str, Any]) -> None:
        """The scores of the best checkpoint."""
        assert self._run is not None, "on_start keeps it"
        final = final_scores(results, self._run.monitor)
        step = (results.get("last") or {}).get("step", 0)
        self._send((name, value, step) for name, value in final.items())
        self._end("FINISHED")

    def close(self) -> None:
        """Say that a run was stopped that did not reach its end."""
        self._end("KILLED")

    def _end(self, status: str) -> None:
        if self._id:
            ended, self._id = self._id, ""
            with self._kept():
                self._client.set_terminated(ended, status)

    def _send_parameters(self, config: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        found = [Param(NOT_IN_A_NAME.sub("/", name), str(value)[:LONGEST]) for name, value in _parameters(config)]
        with self._kept():
            for first in range(0, len(found), MOST):
                self._client.log_batch(self._id, params=found[first : first + MOST])

    def _send(self, metrics: Iterator[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = round(time.time() * 1000)
        found = [Metric(name, value, now, step) for name, value, step in metrics]
        with self._kept():
            for first in range(0, len(found), SENT):
                self._client.log_batch(self._id, metrics=found[first : first + SENT])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for other processes that open the store: the first one makes its tables."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".opening").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # which ends with the file
            yield

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Raises DiskError for what the store refuses."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as error:
            sentence = str(error).strip().partition("\n")[0]
            raise DiskError(f"the store of MLflow in {self._folder} cannot be written: {sentence}") from error


def _metrics(row: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    """Name, value and step of each score of a row of metrics.jsonl."""
    for name, value in row.items():
        if name not in ("step", "epoch", "split") and isinstance(value, float | int):
            yield f"{row['split']}/{name}", float(value), row["step"]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Those of a file that the run has cut where it goes on; none where there is no file yet."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        yield json.loads(line)


def _parameters(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The configuration as flat pairs (`optimizer.lr`, 0.003; `cell`, LSTM), without what changes no number."""
    for key, value in config.items():
        if not prefix and key in NO_PARAMETERS:
            continue
        if isinstance(value, Mapping):
            yield from _parameters(value, f"{prefix}{key}.")
        elif key == "_target_" and prefix:
            yield prefix.removesuffix("."), str(value).rpartition(".")[2]
        elif value is not None:
            yield f"{prefix}{key}", value
