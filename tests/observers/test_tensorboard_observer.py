import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from markdown import Markdown
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from seqnet.batch import AttentionMap, Drawing, Forecast, Tree
from seqnet.observers import forecast_picture
from seqnet.observers.attention_picture import draw
from seqnet.observers.tensorboard import TensorBoard, confusion_text, fenced, hyperparameters

RESULTS = {
    "best": {"step": 4, "epoch": 1, "loss": 0.6, "accuracy": 0.75},
    "test": {"loss": 0.65, "accuracy": 0.7},
    "last": {"step": 8, "loss": 0.62},
}


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"tensors": 0, "images": 0, "scalars": 0})
    return events.Reload()


def points(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(tag)]


def texts(events: EventAccumulator, tag: str) -> list[str]:
    return [event.tensor_proto.string_val[0].decode() for event in events.Tensors(f"{tag}/text_summary")]


@pytest.fixture
def written(run, make_step, make_training, make_evaluation) -> EventAccumulator:
    board = TensorBoard()
    board.on_start(run)
    for step in range(1, 9):
        board.on_step(make_step(step))
        board.on_training(make_training(step, loss=1 / step))
        if step % 4 == 0:
            matrix = torch.tensor([[3, 1], [0, 4]])
            more = {"samples": ["*a* <b>\n  c", "d"], "confusion": matrix, "class_names": ("bad", "good")}
            board.on_evaluation(make_evaluation(step, loss=2 / step, **more))
    board.on_evaluation(make_evaluation(4, split="test", loss=0.65, accuracy=0.7))
    board.on_end(RESULTS)
    board.close()
    board.close()
    return read(run.folder)


def test_curves(written):
    assert points(written, "loss/train") == [(step, 1 / step) for step in range(1, 9)]
    assert points(written, "loss/valid") == [(4, 0.5), (8, 0.25)]
    assert points(written, "accuracy/valid") == [(4, 0.75), (8, 0.75)]
    assert points(written, "optimisation/learning_rate")[0] == (1, 0.003)
    assert points(written, "optimisation/gradient_norm")[0] == (1, 0.7)
    assert points(written, "optimisation/clipped_share")[0] == (1, 0.25)
    assert points(written, "epoch") == [(step, step // 4) for step in range(1, 9)]
    assert points(written, "speed/tokens_per_second")[7] == (8, 1234.5)
    assert points(written, "data/padded_share")[7] == (8, 0.125)
    assert points(written, "final/test_accuracy") == [(9, 0.7)]  # hidden from a run that goes on after step 8
    assert points(written, "final/valid_loss") == [(9, 0.6)]
    assert sorted(written.Tags()["scalars"]) == [
        "accuracy/valid",
        "data/padded_share",
        "epoch",
        "final/test_accuracy",
        "final/test_loss",
        "final/valid_accuracy",
        "final/valid_loss",
        "loss/train",
        "loss/valid",
        "optimisation/clipped_share",
        "optimisation/gradient_norm",
        "optimisation/learning_rate",
        "speed/tokens_per_second",
    ]


def test_train_and_valid_stand_in_one_chart(written):
    (event,) = written.Tensors("custom_scalars__config__")
    layout = Layout.FromString(event.tensor_proto.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert list(charts) == ["loss", "accuracy"]
    tags = written.Tags()["scalars"]
    assert [tag for tag in tags if re.match(charts["loss"][0], tag)] == ["loss/train", "loss/valid"]
    shown = {
        chart.title: [tag for tag in tags if re.match(chart.multiline.tag[0], tag)]
        for chart in layout.category[1].chart
    }
    assert shown == {
        name.replace("_", " "): [f"optimisation/{name}"] for name in ("learning_rate", "gradient_norm", "clipped_share")
    }


def test_attention_as_a_picture_for_each_sample(run, make_evaluation):
    board = TensorBoard()
    board.on_start(run)
    maps = [AttentionMap(torch.eye(2)[None].roll(turn, 2), ["a", "b"], ["y", "z"]) for turn in (0, 1)]
    for step in (4, 8):
        board.on_evaluation(make_evaluation(step, pictures=maps))
    board.close()
    events = read(run.folder)
    assert events.Tags()["images"] == ["attention/valid/1", "attention/valid/2"]
    for number, attention in enumerate(maps, 1):
        shown = events.Images(f"attention/valid/{number}")
        assert [event.step for event in shown] == [4, 8]
        pixels = np.asarray(Image.open(io.BytesIO(shown[0].encoded_image_string)))
        assert np.array_equal(pixels, np.asarray(draw(attention)))


def test_a_forecast_as_a_picture(run, make_evaluation):
    board = TensorBoard()
    board.on_start(run)
    one = Forecast(torch.arange(5.0), {0.5: torch.arange(2.0)}, torch.zeros(2), "sold")
    board.on_evaluation(make_evaluation(4, pictures=[one]))
    board.close()
    events = read(run.folder)
    assert events.Tags()["images"] == ["forecast/valid/1"]
    (shown,) = events.Images("forecast/valid/1")
    pixels = np.asarray(Image.open(io.BytesIO(shown.encoded_image_string)))
    assert np.array_equal(pixels, np.asarray(forecast_picture.draw(one)))


def test_each_kind_of_picture_is_counted_by_itself(run, make_evaluation):
    board = TensorBoard()
    board.on_start(run)
    tree, attention = Tree(["(S", "XX", ")"], ["a"]), AttentionMap(torch.ones(1, 1, 2), ["a", "b"], ["y"])
    board.on_evaluation(make_evaluation(4, pictures=[tree, attention, tree, attention, Drawing(torch.eye(2))]))
    board.close()
    kinds = ["tree/valid/1", "attention/valid/1", "tree/valid/2", "attention/valid/2", "drawing/valid/1"]
    assert read(run.folder).Tags()["images"] == kinds


def test_one_run_only(written, run):
    folders = {path.parent for path in run.folder.rglob("*tfevents*")}
    assert folders == {run.folder / "tensorboard"}
    assert [path for path in (run.folder / "tensorboard").iterdir() if path.is_dir()] == []


def test_the_configuration_and_samples_as_text(written, run):
    (config,) = texts(written, "config")
    assert config.startswith("```yaml\n") and yaml.safe_load(config.strip("`").removeprefix("yaml")) == run.config
    assert texts(written, "samples/valid") == ["```\n*a* <b>\n  c\n```\n\n---\n\n```\nd\n```"] * 2


def test_hyperparameters_with_final_scores(written):
    content = written.summary_metadata
    start = HParamsPluginData.FromString(content["_hparams_/session_start_info"].plugin_data.content).session_start_info
    values = {name: value.number_value or value.string_value for name, value in start.hparams.items()}
    assert values == {
        "experiment": "[red]films",
        "cell": "RNN",
        "cell.single_bias": True,
        "optimizer.lr": 0.003,
        "optimizer.betas": "[0.9, 0.99]",
        "optimizer.name": "AdamW",
    }
    experiment = HParamsPluginData.FromString(content["_hparams_/experiment"].plugin_data.content).experiment
    metrics = [metric.name.tag for metric in experiment.metric_infos]
    assert metrics == ["final/valid_loss", "final/valid_accuracy", "final/test_loss", "final/test_accuracy"]
    assert set(metrics) <= set(written.Tags()["scalars"])


def test_a_run_without_scores_ends_too(run):
    board = TensorBoard()
    board.on_start(run)
    board.on_end({"last": {"step": 0}})
    board.close()
    assert read(run.folder).Tags()["scalars"] == []


def test_confusion_matrix_as_picture_and_table(written):
    pictures = written.Images("confusion/valid")
    assert [picture.step for picture in pictures] == [4, 8]
    assert pictures[0].encoded_image_string.startswith(b"\x89PNG")
    table = texts(written, "confusion/valid")[0].splitlines()
    assert table[2:] == ["| bad | 4 | 75.0% | 100.0% | good (1) |", "| good | 4 | 100.0% | 80.0% |  |"]


def test_no_point_stands_twice_after_a_resume(run, make_training, make_evaluation):
    def train(first: int, last: int, loss: float) -> None:
        board = TensorBoard()
        board.on_start(run)
        for step in range(first, last + 1):
            board.on_training(make_training(step, loss=loss))
            board.on_evaluation(make_evaluation(step, confusion=torch.eye(2)))
        board.close()

    train(1, 6, 1.0)
    time.sleep(1.1)  # files are read in the order of their names, which tell seconds: a real resume is later
    object.__setattr__(run, "step", 4)
    object.__setattr__(run, "resumed", True)
    train(5, 8, 2.0)
    events = read(run.folder)
    assert points(events, "loss/train") == [(step, 1.0 if step <= 4 else 2.0) for step in range(1, 9)]
    assert points(events, "epoch") == [(step, step // 4) for step in range(1, 9)]
    assert [event.step for event in events.Scalars("accuracy/valid")] == list(range(1, 9))
    assert [event.step for event in events.Images("confusion/valid")] == list(range(1, 9))
    assert {path.parent for path in run.folder.rglob("*tfevents*")} == {run.folder / "tensorboard"}


def test_strange_names_beside_the_event_file(run, make_training):
    """What is not named as an event file is left alone, and what is named so late that time has no such second."""
    strange = (
        "1abc",
        "1.host.1.0",
        "x",
        "",
        "٣٣٣٣٣٣٣٣٣٣.host.1.0",
        "9" * 200,
        "9" * 5000 + ".x",
        "1700000000",
        "\udcff.x",
    )
    folder = run.folder / "tensorboard"
    folder.mkdir()
    made = [folder / f"events.out.tfevents.{name}" for name in strange if len(name) < 250]
    for path in made:
        path.write_bytes(b"x")
    (folder / "events.out.tfevents.1700000000.host.1.0").mkdir()
    old, last = (folder / f"events.out.tfevents.{second}.host.1.0" for second in ("1700000001", "9999999999"))
    old.write_bytes(b"")
    for resumed in (False, True):
        last.write_bytes(b"")
        object.__setattr__(run, "resumed", resumed)
        observer = TensorBoard()
        observer.on_start(run)
        observer.on_training(make_training(1))
        observer.close()
    assert all(path.read_bytes() == b"x" for path in made)
    assert not old.exists()  # of a run that was killed before it could be resumed


def test_text_is_shown_as_it_is():
    text = "*a* <b>\n```\n````\n# no heading\x1b[31m\ttab"
    block = fenced(text)
    assert block.startswith("`````\n") and "\x1b" not in block
    shown = Markdown(extensions=["markdown.extensions.fenced_code", "markdown.extensions.tables"]).convert(block)
    inside = "*a* &lt;b&gt;\n```\n````\n# no heading\N{REPLACEMENT CHARACTER}[31m   tab\n"
    assert shown == f"<pre><code>{inside}</code></pre>"


def test_class_names_are_no_markdown():
    table = confusion_text(torch.eye(2) * 2, ["a|b", "*c*\n"])
    shown = Markdown(extensions=["markdown.extensions.tables"]).convert(table)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", shown)
    assert cells == ["a&#124;b", "2", "100.0%", "100.0%", "", "&#42;c&#42;", "2", "100.0%", "100.0%", ""]


def test_a_class_that_never_occurs_divides_nothing():
    table = confusion_text(torch.tensor([[0, 0], [3, 0]]), ["a", "b"])
    assert table.splitlines()[2:] == ["| a | 0 |  | 0.0% |  |", "| b | 3 | 0.0% |  | a (3) |"]


def test_hyperparameters_leave_out_what_changes_no_number():
    config = {"seed": 1, "observers": {"console": True}, "model": {"sweep": 2, "size": None}, "run_dir": "x"}
    assert dict(hyperparameters(config)) == {"seed": 1, "model.sweep": 2}


def test_tensorflow_is_not_imported_where_there_is_one(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise RuntimeError('imported')")
    code = (
        "import sys, json, pathlib; sys.path.insert(0, sys.argv[1]); import seqnet.observers.tensorboard as t;"
        "w = t.EventFile(pathlib.Path(sys.argv[1])); w.scalar('a', 1, 1); w.close();"
        "print(json.dumps([name for name in ('tensorflow', 'matplotlib', 'scipy') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
