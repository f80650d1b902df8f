import io
import json
import re
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from google.protobuf import text_format
from markdown import Markdown
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginEventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.util.tensor_util import make_ndarray

from seqnet.batch import AttentionMap, Drawing, Forecast, PrecisionRecall, Roll, Tree
from seqnet.observers import forecast_picture
from seqnet.observers.attention_picture import draw
from seqnet.observers.run import Embedding, Run
from seqnet.observers.sound import RATE, frequency
from seqnet.observers.tensorboard import TensorBoard, confusion_text, fenced

RESULTS = {
    "best": {"step": 4, "epoch": 1, "loss": 0.6, "accuracy": 0.75},
    "test": {"loss": 0.65, "accuracy": 0.7},
    "last": {"step": 8, "loss": 0.62},
}


def read(folder: Path, name: str = "") -> EventAccumulator:
    """What TensorBoard's own loader finds of RUN, or of one of the runs below it."""
    guidance = {"tensors": 0, "images": 0, "scalars": 0, "audio": 0}
    return EventAccumulator(str(folder / "tensorboard" / name), size_guidance=guidance).Reload()


def points(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(tag)]


def texts(events: EventAccumulator, tag: str) -> list[str]:
    return [event.tensor_proto.string_val[0].decode() for event in events.Tensors(f"{tag}/text_summary")]


@pytest.fixture
def written(run, make_step, make_training, make_evaluation) -> Path:
    """The folder of a run of 8 steps, observed to its end."""
    board = TensorBoard()
    board.on_start(run)
    for step in range(1, 9):
        board.on_step(make_step(step))
        board.on_training(make_training(step, loss=1 / step))
        if step % 4 == 0:
            matrix = torch.tensor([[3, 1], [0, 4]])
            more = {"samples": ["*a* <b>\n  c", "d"], "confusion": matrix, "class_names": ("bad", "good")}
            board.on_evaluation(make_evaluation(step, loss=2 / step, **more))
    matrix = torch.tensor([[4, 0], [1, 3]])
    board.on_evaluation(make_evaluation(8, split="test", loss=0.65, accuracy=0.7, confusion=matrix))
    board.on_end(RESULTS)
    board.close()
    board.close()
    return run.folder


def test_training_and_validation_are_two_runs_under_one_tag(written):
    found = EventMultiplexer().AddRunsFromDirectory(str(written)).Reload()
    assert sorted(found.Runs()) == ["tensorboard", "tensorboard/train", "tensorboard/valid"]
    train, valid = read(written, "train"), read(written, "valid")
    assert points(train, "loss") == [(step, 1 / step) for step in range(1, 9)]
    assert points(valid, "loss") == [(4, 0.5), (8, 0.25)]
    assert points(valid, "accuracy") == [(4, 0.75), (8, 0.75)]
    assert points(train, "optimisation/learning_rate")[0] == (1, 0.003)
    assert points(train, "optimisation/gradient_norm")[0] == (1, 0.7)
    assert points(train, "optimisation/clipped_share")[0] == (1, 0.25)
    assert points(train, "epoch") == [(step, step // 4) for step in range(1, 9)]
    assert points(train, "speed/tokens_per_second")[7] == (8, 1234.5)
    assert points(train, "data/padded_share")[7] == (8, 0.125)
    assert sorted(train.Tags()["scalars"]) == [
        "data/padded_share",
        "epoch",
        "loss",
        "optimisation/clipped_share",
        "optimisation/gradient_norm",
        "optimisation/learning_rate",
        "speed/tokens_per_second",
    ]
    assert sorted(valid.Tags()["scalars"]) == ["accuracy", "loss"]


def test_final_scores_stand_in_the_run_itself(written):
    found = read(written)
    assert points(found, "final/test_accuracy") == [(9, 0.7)]  # hidden from a run that goes on after step 8
    assert points(found, "final/valid_loss") == [(9, 0.6)]
    assert found.Tags()["scalars"] == [
        "final/valid_accuracy",  # by which the checkpoint was chosen
        "final/test_accuracy",
        "final/valid_loss",
        "final/test_loss",
    ]
    assert [picture.step for picture in found.Images("test/confusion")] == [9]


def test_the_layout_of_the_charts(written):
    *_, event = read(written).Tensors("custom_scalars__config__")
    layout = Layout.FromString(event.tensor_proto.string_val[0])
    tags = {tag for name in ("train", "valid") for tag in read(written, name).Tags()["scalars"]}
    shown = {
        category.title: {
            chart.title: sorted(tag for tag in tags if re.search(chart.multiline.tag[0], tag))
            for chart in category.chart
        }
        for category in layout.category
    }
    assert shown == {
        "train and valid": {"loss": ["loss"], "accuracy": ["accuracy"]},
        "optimisation": {
            "learning rate": ["optimisation/learning_rate"],
            "gradient norm": ["optimisation/gradient_norm"],
            "clipped share": ["optimisation/clipped_share"],
        },
        "throughput": {"tokens a second": ["speed/tokens_per_second"], "padded share": ["data/padded_share"]},
    }


def test_a_run_without_validation_has_no_such_run(run, make_training):
    board = TensorBoard()
    board.on_start(replace(run, splits={"train": 5}))
    board.on_training(make_training(1))
    board.close()
    found = EventMultiplexer().AddRunsFromDirectory(str(run.folder)).Reload()
    assert sorted(found.Runs()) == ["tensorboard", "tensorboard/train"]


def test_a_piece_is_heard(run, make_evaluation):
    board = TensorBoard()
    board.on_start(run)
    piece = Roll(read=[[60], [62]], answered=[[64], [65], []], begin=2)
    board.on_evaluation(make_evaluation(4, pictures=[piece, piece, piece]))
    board.close()
    events = read(run.folder, "valid")
    assert events.Tags()["audio"] == ["sound/1", "sound/2"]  # more are not played
    shown = PluginEventAccumulator(str(run.folder / "tensorboard/valid")).Reload().PluginTagToContent("audio")
    assert list(shown) == ["sound/1", "sound/2"]  # where a tag is of one kind only
    (sound,) = events.Audio("sound/1")
    with wave.open(io.BytesIO(sound.encoded_audio_string)) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE, 5 * RATE // 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    loudest = [np.abs(np.fft.rfft(part)).argmax() * 2 for part in np.split(samples[: 2 * RATE], 4)]
    assert loudest == pytest.approx([frequency(number) for number in (60, 62, 64, 65)], abs=2)


def test_precision_and_recall_of_each_class(run, make_evaluation):
    """Of four items of a class two have a probability of 0.9, as has one that is not of it."""
    right, wrong = torch.zeros(101, dtype=torch.int64), torch.zeros(101, dtype=torch.int64)
    right[[10, 90]], wrong[[0, 90]] = torch.tensor([2, 2]), torch.tensor([5, 1])
    board = TensorBoard()
    board.on_start(run)
    board.on_evaluation(make_evaluation(4, curves=[PrecisionRecall("good", right, wrong)]))
    board.close()
    events = read(run.folder, "valid")
    assert list(events.PluginTagToContent("pr_curves")) == ["class/good"]
    (event,) = events.Tensors("class/good")
    true, false, _, _, precision, recall = make_ndarray(event.tensor_proto)
    assert (true[0], false[0], true[50], false[50], true[91], false[91]) == (4, 6, 2, 1, 0, 0)
    assert precision[[0, 50, 91]].tolist() == pytest.approx([0.4, 2 / 3, 1])
    assert recall[[0, 50, 91]].tolist() == pytest.approx([1, 0.5, 0])


def test_embeddings_with_their_names(run):
    weight = torch.arange(6.0).view(3, 2) / 3
    board = TensorBoard()
    board.on_start(replace(run, embeddings={"review": Embedding(weight, ("the", "a\tb", " "))}))
    board.on_end(RESULTS)
    board.close()
    folder = run.folder / "tensorboard"
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (one,) = config.embeddings
    assert (one.tensor_name, list(one.tensor_shape)) == ("review", [3, 2])
    assert np.allclose(np.loadtxt(folder / one.tensor_path, delimiter="\t"), weight, atol=1e-5)
    assert (folder / one.metadata_path).read_text().splitlines() == ["the", "'a\\tb'", "' '"]


def test_attention_as_a_picture_for_each_sample(run, make_evaluation):
    board = TensorBoard()
    board.on_start(run)
    maps = [AttentionMap(torch.eye(2)[None].roll(turn, 2), ["a", "b"], ["y", "z"]) for turn in (0, 1)]
    for step in (4, 8):
        board.on_evaluation(make_evaluation(step, pictures=maps))
    board.close()
    events = read(run.folder, "valid")
    assert events.Tags()["images"] == ["attention/1", "attention/2"]
    for number, attention in enumerate(maps, 1):
        shown = events.Images(f"attention/{number}")
        assert [event.step for event in shown] == [4, 8]
        pixels = np.asarray(Image.open(io.BytesIO(shown[0].encoded_image_string)))
        assert np.array_equal(pixels, np.asarray(draw(attention)))


def test_a_forecast_as_a_picture(run, make_evaluation):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    board = TensorBoard()
    board.on_start(run)
    one = Forecast(torch.arange(5.0), {0.5: torch.arange(2.0)}, torch.zeros(2), "sold")
    board.on_evaluation(make_evaluation(4, pictures=[one]))
    board.close()
    events = read(run.folder, "valid")
    assert events.Tags()["images"] == ["forecast/1"]
    (shown,) = events.Images("forecast/1")
    pixels = np.asarray(Image.open(io.BytesIO(shown.encoded_image_string)))
    assert np.array_equal(pixels, np.asarray(forecast_picture.draw(one)))


def test_a_plot_without_its_package_is_said_once(run, make_evaluation, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    board = TensorBoard()
    board.on_start(run)
    one = Forecast(torch.arange(5.0), {0.5: torch.arange(2.0)}, torch.zeros(2), "sold")
    for step in (4, 8):
        board.on_evaluation(make_evaluation(step, pictures=[one, one, Drawing(torch.eye(2))]))
    board.close()
    assert read(run.folder, "valid").Tags()["images"] == ["drawing/1"]
    told = capsys.readouterr().err
    assert told == "seqnet: no forecast is shown: plots need the package matplotlib: pip install 'seqnet[plots]'\n"


def test_each_kind_of_picture_is_counted_by_itself(run, make_evaluation):
    board = TensorBoard()
    board.on_start(run)
    tree, attention = Tree(["(S", "XX", ")"], ["a"]), AttentionMap(torch.ones(1, 1, 2), ["a", "b"], ["y"])
    board.on_evaluation(make_evaluation(4, pictures=[tree, attention, tree, attention, Drawing(torch.eye(2))]))
    board.close()
    kinds = ["tree/1", "attention/1", "tree/2", "attention/2", "drawing/1"]
    assert read(run.folder, "valid").Tags()["images"] == kinds


def test_the_configuration_and_samples_as_text(written, run):
    (config,) = texts(read(written), "config")
    assert config.startswith("```yaml\n") and yaml.safe_load(config.strip("`").removeprefix("yaml")) == run.config
    assert texts(read(written, "valid"), "samples") == ["```\n*a* <b>\n  c\n```\n\n---\n\n```\nd\n```"] * 2


def options_of(folder: Path) -> tuple[dict[str, Any], Any]:
    """Those of a run with their values, and what is said of the columns, if anything is."""
    content = read(folder).summary_metadata
    parts = {name: HParamsPluginData.FromString(one.plugin_data.content) for name, one in content.items()}
    options = parts["_hparams_/session_start_info"].session_start_info.hparams
    values = {name: value.number_value or value.string_value for name, value in options.items()}
    return values, parts["_hparams_/experiment"].experiment if "_hparams_/experiment" in parts else None


@pytest.mark.parametrize("swept", [True, False])
def test_the_options_of_a_sweep_with_the_final_score_first(swept, run):
    varied = {"cell": "gru", "optimizer.lr": 0.003, "optimizer.betas": [0.9, 0.99], "run_dir": "x", "threads": 1}
    board = TensorBoard()
    board.on_start(replace(run, varied=varied, swept=swept))
    board.on_end(RESULTS)
    board.close()
    values, columns = options_of(run.folder)
    assert values == {"cell": "gru", "optimizer.lr": 0.003, "optimizer.betas": "[0.9, 0.99]"}
    if not swept:  # of runs that have nothing to do with each other, no one says what the columns are
        assert columns is None
        return
    assert [one.name for one in columns.hparam_infos] == ["cell", "optimizer.lr", "optimizer.betas"]
    metrics = [metric.name.tag for metric in columns.metric_infos]
    assert metrics == ["final/valid_accuracy", "final/test_accuracy", "final/valid_loss", "final/test_loss"]
    assert set(metrics) <= set(read(run.folder).Tags()["scalars"])


def test_a_run_without_scores_ends_too(run):
    board = TensorBoard()
    board.on_start(run)
    board.on_end({"last": {"step": 0}})
    board.close()
    assert read(run.folder).Tags()["scalars"] == []


def test_confusion_matrix_as_picture_and_table(written):
    valid = read(written, "valid")
    pictures = valid.Images("confusion")
    assert [picture.step for picture in pictures] == [4, 8]
    assert pictures[0].encoded_image_string.startswith(b"\x89PNG")
    table = texts(valid, "confusion")[0].splitlines()
    assert table[2:] == ["| bad | 4 | 75.0% | 100.0% | good (1) |", "| good | 4 | 100.0% | 80.0% |  |"]


@pytest.mark.parametrize("evaluated", [4, 3])
def test_no_point_stands_twice_after_a_resume(evaluated, run, make_training, make_evaluation):
    """Neither where the run stopped, nor where it was stopped between a step and its evaluation."""

    def train(run: Run, first: int, last: int, loss: float) -> None:
        board = TensorBoard()
        board.on_start(run)
        for step in range(first, last + 1):
            if step > run.step:
                board.on_training(make_training(step, loss=loss))
            if step > run.evaluated:
                board.on_evaluation(make_evaluation(step, loss=loss, confusion=torch.eye(2)))
        board.on_end(RESULTS | {"last": {"step": last}})
        board.close()

    train(run, 1, 6, 1.0)
    train(replace(run, step=4, evaluated=evaluated, resumed=True), evaluated + 1, 8, 2.0)
    shown, train_run, valid = (read(run.folder, name) for name in ("", "train", "valid"))
    assert points(train_run, "loss") == [(step, 1.0 if step <= 4 else 2.0) for step in range(1, 9)]
    assert points(train_run, "epoch") == [(step, step // 4) for step in range(1, 9)]
    assert points(valid, "loss") == [(step, 1.0 if step <= evaluated else 2.0) for step in range(1, 9)]
    assert [event.step for event in valid.Images("confusion")] == list(range(1, 9))
    assert [event.step for event in shown.Scalars("final/test_loss")] == [9]
    assert len(texts(shown, "config")) == 1


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
        observer = TensorBoard()
        observer.on_start(replace(run, resumed=resumed))
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
