import json
import sys
from dataclasses import replace

import pytest
import torch
from PIL import Image

from seqnet.batch import Batch
from seqnet.cells.lstm import LSTM
from seqnet.models.recurrent import Recurrent
from seqnet.observers.console import Console
from seqnet.observers.memory import Memory
from seqnet.observers.run import Run
from seqnet.observers.tensorboard import TensorBoard
from seqnet.specs import Vector


@pytest.fixture
def heard() -> list:
    return []


@pytest.fixture
def lstm(run: Run, heard: list) -> Run:
    """A run of a model with a recurrent layer, cut into windows of 6 steps."""
    torch.manual_seed(0)
    config = run.config | {"training": {"window": 6, "stride": None}}
    model = Recurrent(LSTM, Vector(2), {}, 1, hidden_size=4, embedding_size=None)
    return replace(run, config=config, model=model, loss=lambda output, _: output.logits().sum(), tell=heard.append)


@pytest.fixture
def step(make_step):
    window = Batch(torch.ones(3, 6, 2), torch.full((3,), 6), torch.ones(3, 6, 1))

    def make(number: int):
        report = make_step(number)
        report.window, report.clipped = window, number % 4 == 0
        return report

    return make


def rows(run: Run) -> list[dict]:
    return [json.loads(line) for line in (run.folder / "memory.jsonl").read_text().splitlines()]


def test_a_row_now_and_then_and_one_picture_at_the_end(lstm, step, heard):
    memory = Memory(every_steps=2)
    memory.on_start(lstm)
    for number in range(1, 6):
        memory.on_step(step(number))
    assert not (lstm.folder / "memory.png").exists()
    memory.on_end({})
    memory.close()
    found = rows(lstm)
    assert [row["step"] for row in found] == [2, 4]
    assert [row["clipped_share"] for row in found] == [0, 0.5]
    assert found[0]["window"] == 6
    (layer,) = found[0]["layers"].values()
    assert len(layer["gradient"]["hidden"]) == len(layer["gradient"]["cell"]) == 6
    assert [(one.step, one.picture is None) for one in heard] == [(2, True), (4, True), (4, False)]
    assert "training.window=6 cuts off" in heard[-1].verdict
    picture = (lstm.folder / "memory.png").read_bytes()
    assert picture == heard[-1].picture
    with Image.open(lstm.folder / "memory.png") as image:
        assert image.size == (700, 520)


def test_of_a_run_that_is_stopped_the_picture_is_drawn_and_nobody_told(lstm, step, heard):
    memory = Memory(every_steps=1)
    memory.on_start(lstm)
    memory.on_step(step(1))
    memory.close()
    memory.close()
    assert (lstm.folder / "memory.png").exists()
    assert len(heard) == 1


def test_pictures_while_it_runs_take_a_small_share_of_its_time(lstm, step, heard):
    now = 0.0
    memory = Memory(every_steps=1, clock=lambda: now)
    memory.on_start(lstm)
    drawn = {}
    for number, now in enumerate((1, 50, 299, 301, 302, 350), 1):  # noqa: B007, B020
        memory.on_step(step(number))
        drawn[now] = sum(one.picture is not None for one in heard)
    assert drawn == {1: 0, 50: 0, 299: 0, 301: 1, 302: 2, 350: 3}  # by that clock a picture takes no time


def test_by_default_it_looks_every_500_steps_and_more_seldom_where_that_took_too_long(lstm, step):
    now, takes = 0.0, 0.0

    def slow(output, window):
        nonlocal now
        now += takes
        return output.logits().sum()

    memory = Memory(clock=lambda: now)
    memory.on_start(replace(lstm, loss=slow))
    for number, takes in ((499, 0), (500, 1), (1000, 2.9), (1500, 2.9), (2000, 2.9)):  # noqa: B007
        now = number / 5  # 100 seconds lie between two looks, of which 1.5 may be spent
        memory.on_step(step(number))
    assert [row["step"] for row in rows(lstm)] == [500, 1000, 2000]  # at 2000 twice as long ago


@pytest.mark.parametrize(("seconds", "pictures"), [(140, 0), (160, 1)])
def test_by_default_a_picture_at_the_end_is_drawn_where_it_takes_little_of_the_time(lstm, step, seconds, pictures):
    now = 0.0
    memory = Memory(clock=lambda: now)
    memory.on_start(lstm)
    memory.on_step(step(500))
    now = seconds
    memory.on_end({})
    memory.close()
    assert len(list(lstm.folder.glob("memory.png"))) == pictures


def test_where_rows_are_shorter_than_a_window_nothing_is_cut_off(lstm, step):
    config = lstm.config | {"training": {"window": 20, "stride": None}}
    memory = Memory(every_steps=1)
    memory.on_start(replace(lstm, config=config))
    memory.on_step(step(1))
    assert rows(lstm)[0]["window"] is None
    report = step(2)
    report.window = replace(report.window, continues=True)  # the last of several
    memory.on_step(report)
    assert rows(lstm)[1]["window"] == 20


def test_a_run_that_goes_on_cuts_what_was_told_of_later_steps(lstm, step):
    memory = Memory(every_steps=1)
    memory.on_start(lstm)
    for number in (1, 2, 3):
        memory.on_step(step(number))
    memory.on_rewind(replace(lstm, step=2))
    assert [row["step"] for row in rows(lstm)] == [1, 2]
    memory.on_step(step(3))
    with (lstm.folder / "memory.jsonl").open("a") as file:
        file.write('{"step": 1')  # a crash
    Memory(every_steps=1).on_start(replace(lstm, resumed=True, step=3))
    assert [row["step"] for row in rows(lstm)] == [1, 2, 3]
    whole = (lstm.folder / "memory.jsonl").read_bytes()
    (lstm.folder / "memory.jsonl").write_bytes(whole[:-1])  # a crash in just that place
    memory.on_start(replace(lstm, resumed=True, step=3))
    memory.on_step(step(4))
    assert [row["step"] for row in rows(lstm)] == [1, 2, 4]
    Memory(every_steps=1).on_start(lstm)  # anew, in a folder that a killed run left
    assert not (lstm.folder / "memory.jsonl").exists()


def test_a_model_without_a_recurrence_is_told_once_why_there_is_nothing(run, make_step, heard):
    memory = Memory(every_steps=1)
    memory.on_start(replace(run, tell=heard.append))
    for number in (1, 2):
        memory.on_step(make_step(number))
    memory.close()
    assert [one.verdict for one in heard] == [
        "Classifier has no recurrent layer, so no gradient goes back through time"
    ]
    assert not list(run.folder.glob("memory*"))


def test_what_goes_wrong_inside_ends_no_run(lstm, step, heard):
    def broken(output, window):
        raise RuntimeError("no\nsuch loss")

    memory = Memory(every_steps=1)
    memory.on_start(replace(lstm, loss=broken))
    for number in (1, 2):
        memory.on_step(step(number))
    assert [one.verdict for one in heard] == ["the gradient cannot be followed: RuntimeError: no such loss"]


def test_without_matplotlib_there_are_numbers_and_a_word_on_the_picture(lstm, step, heard, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "seqnet.observers.memory_picture", raising=False)
    monkeypatch.delattr("seqnet.observers.memory_picture", raising=False)
    memory = Memory(every_steps=1)
    memory.on_start(lstm)
    memory.on_step(step(1))
    memory.on_end({})
    assert len(rows(lstm)) == 1 and not (lstm.folder / "memory.png").exists()
    assert heard[-1].verdict.endswith(" (plots need the package matplotlib: pip install 'seqnet[plots]')")


def test_what_is_found_is_shown_in_the_terminal_and_in_tensorboard(lstm, step, heard, capsys, make_evaluation):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board, console, memory = TensorBoard(), Console(), Memory(every_steps=1)
    memory.on_start(lstm)
    memory.on_step(step(1))
    memory.on_end({})
    board.on_start(lstm)
    for report in heard:
        board.on_memory(report)
        console.on_memory(report)
    console.on_end({})
    board.close()
    shown = EventAccumulator(str(lstm.folder / "tensorboard" / "train")).Reload()
    tags = {tag.removeprefix("memory/layers.0/") for tag in shown.Tags()["scalars"]}
    assert tags >= {"reach", "half_life", "spectral_radius", "forget_open", "input_shut"}
    assert shown.Tags()["images"] == ["memory"]
    text = shown.Tensors("memory/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text == heard[0].verdict
    assert f"memory      {heard[0].verdict}" in capsys.readouterr().out
