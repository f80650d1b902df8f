"""What observers of a real run hold, stopped or not, and an observer of one's own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from seqnet.observers.metrics_file import MetricsFile

SHOWN = ("observers.tensorboard=true", "training.log_every_steps=2", "training.evaluate_every_steps=3")

OWN = '''
from seqnet.batch import Confusion
from seqnet.observers.run import Observer
import torch


class Mine(Observer):
    """Notes each step, and shows a picture."""

    def __init__(self, every: int = 1) -> None:
        self.every = every

    def on_start(self, run):
        self.file = (run.folder / "mine.txt").open("a")

    def on_step(self, report):
        if report.step % self.every == 0:
            self.file.write(f"{report.step}\\n")

    def pictures(self, report):
        return [Confusion(torch.eye(2), ("a", "b"))]

    def close(self):
        self.file.close()
'''


def points(folder: str) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """The points of each curve by run and tag, as TensorBoard's own loader finds them."""
    found = EventMultiplexer(size_guidance={"scalars": 0}).AddRunsFromDirectory(folder).Reload()
    return {
        run: {tag: [(one.step, one.value) for one in found.Scalars(run, tag)] for tag in tags["scalars"]}
        for run, tags in found.Runs().items()
    }


def as_in_the_rows(seqnet: Any, folder: str) -> None:
    """Every score of metrics.jsonl is one point, and there is no other."""
    shown, rows = points(folder), seqnet.rows(folder)
    assert shown.keys() == {"tensorboard", "tensorboard/train", "tensorboard/valid"}
    for split in ("train", "valid"):
        of_split = [row for row in rows if row["split"] == split]
        for name in of_split[0].keys() & shown[f"tensorboard/{split}"].keys():
            there = [(row["step"], pytest.approx(row[name], rel=1e-6)) for row in of_split]
            assert shown[f"tensorboard/{split}"][name] == there, (split, name)
        assert {"loss"} <= of_split[0].keys() & shown[f"tensorboard/{split}"].keys()
    reached, final = seqnet.results(folder), shown["tensorboard"]
    assert final["final/valid_loss"] == [(reached["steps"] + 1, pytest.approx(reached["best"]["loss"]))]
    assert final["final/test_accuracy"] == [(reached["steps"] + 1, pytest.approx(reached["test"]["accuracy"]))]


def test_a_run_that_is_stopped_and_then_made_longer(
    seqnet: Any, classifier: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(step: int) -> Callable[..., None]:
        return lambda self, report: os.kill(os.getpid(), signal.SIGTERM) if report.step == step else None

    run = ("run_dir=run", "training.patience=null", "training.max_epochs=null")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MetricsFile, "on_step", stop(5))
        assert seqnet.quietly(*classifier, *SHOWN, *run, "training.max_steps=8").code == 143
    assert seqnet("train", "run_dir=run", "observers.console=false").code == 0
    as_in_the_rows(seqnet, "run")
    assert seqnet("train", "run_dir=run", "observers.console=false", "training.max_steps=10").code == 0
    as_in_the_rows(seqnet, "run")
    found = EventMultiplexer().AddRunsFromDirectory("run").Reload()
    *_, layout = found.Tensors("tensorboard", "custom_scalars__config__")
    titles = [category.title for category in Layout.FromString(layout.tensor_proto.string_val[0]).category]
    assert titles == ["train and valid", "optimisation", "throughput"]
    curves = found.GetAccumulator("tensorboard/valid").PluginTagToContent("pr_curves")
    assert curves and all(tag.startswith("class/") for tag in curves)
    assert Path("run/tensorboard/embedding_1_names.tsv").is_file()


def test_an_observer_of_ones_own(seqnet: Any, classifier: tuple[str, ...]) -> None:
    """It is told of each step, its pictures stand beside the others, and only training asks to trust it."""
    name = f"{Path.cwd().name}_mine".replace("-", "_")  # not one that another test has imported
    Path(f"{name}.py").write_text(OWN)
    Path("my_configs/observers").mkdir(parents=True)
    Path("my_configs/observers/mine.yaml").write_text(f"mine:\n  _target_: {name}.Mine\n  every: 2\n")
    chosen = ("--config-dir", "my_configs", "observers=[default,mine]", "run_dir=run", "training.max_steps=4")
    found = seqnet.quietly(*classifier, *SHOWN, "training.max_epochs=null", "training.patience=null", *chosen)
    assert found.code == 0, found.err
    assert Path("run/mine.txt").read_text() == "2\n4\n"
    tags = EventMultiplexer().AddRunsFromDirectory("run").Reload().Runs()
    assert tags["tensorboard/valid"]["images"] == ["confusion/1", "confusion"]

    assert seqnet("evaluate", "run=run").code == 0
    assert "trust" not in seqnet.results("run")["next"][0]
    found = seqnet("train", "run_dir=run", "training.max_steps=6")
    assert (found.code, f"add trust=[{name}]" in found.err) == (2, True)
    found = seqnet("train", *chosen[:2], "run_dir=run", "training.max_steps=6", "observers.mine.every=3")
    assert found.code == 0, found.err
    assert Path("run/mine.txt").read_text() == "2\n4\n6\n"
    assert seqnet("train", "run_dir=run", "training.max_steps=8", "observers=default").code == 0
    assert Path("run/mine.txt").read_text() == "2\n4\n6\n"


IMPORTED = """
import json, sys
from seqnet import cli
code = cli.answer(["predict", f"run={sys.argv[1]}", f"input={sys.argv[2]}", "device=cpu"])
found = {"matplotlib", "mlflow", "tensorboard", "torchmetrics"} & sys.modules.keys()
print(json.dumps([code, sorted(found)]))
"""


def test_an_answer_waits_for_no_observer(judge_run: Path, tmp_path: Path) -> None:
    """However many extras are installed, predict imports none of what shows a run."""
    (tmp_path / "line.txt").write_text("the fox\n")
    command = [sys.executable, "-c", IMPORTED, str(judge_run), str(tmp_path / "line.txt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []], done.stderr
