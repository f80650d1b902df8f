"""What the store of MLflow holds, read by its own client."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seqnet.batch import Confusion
from seqnet.errors import ConfigurationError, DiskError
from seqnet.observers.metrics_file import MetricsFile
from seqnet.observers.run import Run

RESULTS = {"best": {"step": 4, "loss": 0.6, "accuracy": 0.75}, "test": {"loss": 0.65}, "last": {"step": 8}}

tracking = pytest.importorskip("mlflow.tracking", reason="mlflow is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own


@pytest.fixture
def told(tmp_path, monkeypatch, make_training, make_evaluation):
    """Tells an observer, and the file of rows, of steps of a run."""
    monkeypatch.chdir(tmp_path)
    from seqnet.observers.mlflow import MLflow

    def tell(run: Run, first: int, last: int, loss: float, end: bool = True) -> None:
        watching = [MetricsFile(), MLflow("store")]
        for each in watching:
            each.on_start(run)
        for step in range(first, last + 1):
            for each in watching:
                each.on_training(make_training(step, loss=loss))
                if step % 2 == 0:
                    shown = [Confusion(torch.eye(2), ("a", "b"))]
                    each.on_evaluation(make_evaluation(step, loss=loss, samples=["one", "two"], pictures=shown))
        for each in watching:
            if end:
                each.on_end(RESULTS)
            each.close()

    return tell


def store(folder: Path) -> tuple[object, list[object]]:
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{folder / 'store/mlflow.db'}")
    return client, client.search_runs([client.get_experiment_by_name("[red]films").experiment_id])


def points(client: object, found: object, name: str) -> list[tuple[int, float]]:
    return sorted((point.step, point.value) for point in client.get_metric_history(found.info.run_id, name))


def test_a_run_with_its_options_scores_and_samples(run, told, tmp_path):
    other = replace(run, folder=tmp_path / "other")
    other.folder.mkdir()
    told(other, 1, 1, 0.5)
    told(run, 1, 4, 0.5)
    client, (found, another) = store(tmp_path)
    assert another.data.tags["seqnet.run_dir"] == str(other.folder)
    assert found.info.status == "FINISHED" and found.data.tags["seqnet.run_dir"] == str(run.folder)
    assert found.data.params["optimizer.lr"] == "0.003" and found.data.params["cell"] == "RNN"
    assert not {"run_dir", "checkpoint.every_steps"} & found.data.params.keys()
    assert points(client, found, "train/loss") == [(step, 0.5) for step in range(1, 5)]
    assert points(client, found, "valid/accuracy") == [(2, 0.75), (4, 0.75)]
    assert points(client, found, "final/test_loss") == [(8, 0.65)]
    artifacts = {one.path for one in client.list_artifacts(found.info.run_id, "valid")}
    assert artifacts == {"valid/samples.txt", "valid/confusion_1.png"}
    assert list((tmp_path / "store/artifacts").rglob("samples.txt"))[0].read_text() == "one\n\ntwo"


def test_no_point_stands_twice_after_a_resume(run, told, tmp_path):
    told(run, 1, 6, 1.0, end=False)
    client, (found,) = store(tmp_path)
    assert found.info.status == "KILLED"
    told(replace(run, step=4, evaluated=4, resumed=True), 5, 8, 2.0)
    client, (found,) = store(tmp_path)  # one run
    assert points(client, found, "train/loss") == [(step, 1.0 if step <= 4 else 2.0) for step in range(1, 9)]
    assert points(client, found, "valid/loss") == [(step, 1.0 if step <= 4 else 2.0) for step in (2, 4, 6, 8)]
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 12


def test_a_store_that_cannot_be_written_is_named(run, tmp_path, monkeypatch):
    from seqnet.observers.mlflow import MLflow

    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").write_text("a file")
    with pytest.raises(DiskError, match="the store of MLflow in store cannot be written: .*exists"):
        MLflow("store").on_start(run)


def test_without_mlflow_its_package_is_named(monkeypatch):
    from seqnet.observers.mlflow import MLflow

    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seqnet\[mlflow\]'"):
        MLflow()
