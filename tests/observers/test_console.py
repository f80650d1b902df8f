import io
import random

import numpy as np
import pytest
import torch
from rich.console import Console as Screen

from seqnet.batch import Batch
from seqnet.errors import visible
from seqnet.observers.console import Console, duration, jump, number
from seqnet.observers.metrics_file import MetricsFile
from seqnet.observers.profile import Profile
from seqnet.observers.tensorboard import TensorBoard

RESULTS = {
    "best": {"step": 4, "epoch": 1, "loss": 0.6, "accuracy": 0.75},
    "test": {"loss": 0.65, "accuracy": 0.7},
    "seconds": 125.4,
    "reason": "max_steps reached",
    "next": ["seqnet evaluate run=outputs/[red]films/1 split=test " + "x" * 120, "tensorboard --logdir outputs"],
}


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def screen(terminal: bool, encoding: str = "utf-8", width: int = 120) -> tuple[Screen, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True, newline="\n")
    environment = {"TERM": "xterm", "COLUMNS": str(width), "LINES": "40"}
    return Screen(file=file, force_terminal=terminal, width=width, _environ=environment), raw


def watch(console: Console, clock: Clock, run, make_step, make_training, make_evaluation) -> None:
    """Eight steps of ten seconds, a training report each, evaluations after 4 and 8, the test after 8."""
    console.on_start(run)
    for step in range(1, 9):
        clock.now += 10
        console.on_step(make_step(step))
        console.on_training(make_training(step, loss=1 / step))
        if step % 4 == 0:
            console.on_evaluation(make_evaluation(step, best=step == 4, samples=["a", "b", "c"]))
    console.on_evaluation(make_evaluation(4, split="test", loss=0.65))
    console.on_end(RESULTS | {"sample": "[bold]To be[/bold]\nor\x1b[2J not"})
    console.close()
    console.close()


def test_an_evaluation_tells_how_far_it_is(run, make_step, make_evaluation):
    clock = Clock()
    target, raw = screen(terminal=True)
    console = Console(target, clock)
    console.on_start(run)
    console.on_step(make_step(1))
    for done in range(4):
        console.on_scoring("valid", done, 4)
        clock.now += 10
    console.on_evaluation(make_evaluation(1))
    console.on_step(make_step(2))
    clock.now += 10
    console.on_step(make_step(3))
    console.close()
    shown = raw.getvalue().decode()
    assert "scoring valid 1/4 · 30 s left" in shown and "scoring valid 3/4 · 10 s left" in shown
    assert "scoring" not in shown[shown.rindex("step 3/8") :]


def test_clean_lines_where_there_is_no_terminal(run, make_step, make_training, make_evaluation):
    clock = Clock()
    target, raw = screen(terminal=False)
    watch(Console(target, clock), clock, run, make_step, make_training, make_evaluation)
    text = raw.getvalue().decode()
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    lines = text.splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert lines[:4] == [
        "experiment  [red]films",
        "data        train 1,600 · valid 200 · test 200",
        "device      cpu",
        f"run folder  {run.folder}",
    ]
    assert [" ".join(line.split()) for line in lines if line.startswith(("embedding", "layer ", "head", "total"))] == [
        "layer output, 4 rows of 3 steps parameters",
        "embedding Embedding 4 x 3 x 100 1,000,000",
        "layer Layer (Cell) 4 x 3 x 10 1,110",
        "head Linear 4 x 1 11",
        "total 1,001,121",
    ]
    begin = next(place for place, line in enumerate(lines) if line.startswith("step"))
    assert lines[begin:] == [
        # a line of training at the third step, 30 s on, then no more before an evaluation and 30 s after it
        "step 3/8 · epoch 0 · train loss 0.3333 · 1,234 tokens/s · 50 s left",
        "step 4/8 · epoch 1 · train loss 0.25 · valid loss 0.6 · accuracy 0.75 · best",
        "step 7/8 · epoch 1 · train loss 0.1429 · 1,234 tokens/s · 10 s left",
        "step 8/8 · epoch 2 · train loss 0.125 · valid loss 0.6 · accuracy 0.75",
        "",
        "done        8 steps in 2 min 05 s, max_steps reached",
        "best valid  loss 0.6 · accuracy 0.75 (step 4)",
        "test        loss 0.65 · accuracy 0.7",
        "sample",
        "  [bold]To be[/bold]",
        "  or�[2J not",
        f"run folder  {run.folder}",
        "what next",
        *("  " + command for command in RESULTS["next"]),
    ]
    assert run.log_file.read_text(encoding="utf-8") == text


def test_a_bar_on_a_terminal_and_the_same_lines_in_the_log(run, make_step, make_training, make_evaluation):
    clock = Clock()
    target, raw = screen(terminal=True)
    watch(Console(target, clock), clock, run, make_step, make_training, make_evaluation)
    text = raw.getvalue().decode()
    assert "\x1b[?25l" in text and text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor comes back
    assert "step 5/8 · epoch 1 · 1,234 tokens/s · 30 s left · loss 0.25 · valid accuracy 0.75" in text
    assert "\x1b[2J" not in text  # a sample cannot clear the screen
    assert "valid loss 0.6 · accuracy 0.75 · \x1b[1;32mbest" in text
    plain, other = screen(terminal=False)
    log = run.log_file.read_text(encoding="utf-8")
    run.log_file.unlink()
    clock = Clock()
    watch(Console(plain, clock), clock, run, make_step, make_training, make_evaluation)
    assert log == other.getvalue().decode()


def test_the_bar_is_drawn_at_most_twice_a_second(run, make_step):
    clock = Clock()
    target, raw = screen(terminal=True)
    console = Console(target, clock)
    console.on_start(run)
    before = raw.tell()
    console.on_step(make_step(1))
    clock.now += 0.4
    console.on_step(make_step(2))
    assert raw.tell() == before
    clock.now += 0.2
    console.on_step(make_step(3))
    assert raw.tell() > before
    console.close()


@pytest.mark.parametrize("width", [20, 60])
def test_a_narrow_terminal_keeps_the_bar_in_one_line(width, run, make_step, make_training):
    clock = Clock()
    target, raw = screen(terminal=True, width=width)
    console = Console(target, clock)
    console.on_start(run)
    console.on_training(make_training(1))
    raw.truncate(0)
    raw.seek(0)
    clock.now += 1
    console.on_step(make_step(1))
    assert b"\n" not in raw.getvalue()
    console.close()


def test_letters_that_the_terminal_cannot_write(run, make_step, make_training, make_evaluation):
    clock = Clock()
    target, raw = screen(terminal=False, encoding="ascii")
    watch(Console(target, clock), clock, run, make_step, make_training, make_evaluation)
    assert b"step 4/8 - epoch 1 - train loss 0.25 - valid loss 0.6 - accuracy 0.75 - best\n" in raw.getvalue()
    assert "·" in run.log_file.read_text(encoding="utf-8")


def test_time_left_follows_the_limit_that_comes_first(run, make_step):
    clock = Clock()
    target, _ = screen(terminal=False)
    object.__setattr__(run, "max_minutes", 1.0)
    object.__setattr__(run, "minutes", 0.25)
    console = Console(target, clock)
    console.on_start(run)
    assert console._progress() == (0.25, 45.0)  # only the clock is known: 15 of 60 s
    console.on_step(make_step(1))
    clock.now += 2
    console.on_step(make_step(2))  # a step of 8 takes 2 s: 12 s left of the steps, 43 of the minutes
    assert console._progress() == (pytest.approx(17 / 60), pytest.approx(12.0))
    clock.now += 40
    assert console._progress() == (pytest.approx(57 / 60), pytest.approx(3.0))
    clock.now += 40
    assert console._progress() == (1.0, 0.0)
    console.close()


def test_no_colour_in_a_pipe_whatever_the_environment_asks_for(run, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    console = Console()
    console.on_start(run)
    console.close()
    shown = capsys.readouterr().out
    assert shown.startswith("experiment  [red]films\n") and "\x1b" not in shown


def test_a_run_that_goes_on_says_so_and_adds_to_its_log(run):
    run.log_file.write_text("before\n", encoding="utf-8")
    object.__setattr__(run, "step", 1200)
    object.__setattr__(run, "resumed", True)
    target, raw = screen(terminal=False)
    console = Console(target)
    console.on_start(run)
    console.close()
    assert "goes on     after step 1,200\n" in raw.getvalue().decode()
    assert run.log_file.read_text(encoding="utf-8").startswith("before\nexperiment")


def test_a_run_without_validation_says_so(run):
    target, raw = screen(terminal=False)
    console = Console(target)
    run.config["data"] = {"valid_share": 0.0}
    console.on_start(run)
    console.on_end({"best": {"step": 3}})
    console.close()
    told = raw.getvalue().decode()
    assert "no validation: no row is held out (data.valid_share)\n" in told and "best valid" not in told


def test_words():
    assert [duration(seconds) for seconds in (0.4, 59.7, 125, 11_220)] == [
        "0 s",
        "1 min 00 s",
        "2 min 05 s",
        "3 h 07 min",
    ]
    assert [number(value) for value in (0.123456, 4.0, 1234.5, 1e6, float("nan"))] == [
        "0.1235",
        "4",
        "1234",
        "1,000,000",
        "nan",
    ]
    assert visible("a\tb\r\n\x07ü世") == "a b�⏎�ü世"


@pytest.mark.parametrize("kind", ["console", "bar", "metrics", "tensorboard", "profile"])
def test_watching_changes_no_random_state(kind, run, make_step, make_training, make_evaluation):
    observer = {
        "console": lambda: Console(screen(terminal=False)[0]),
        "bar": lambda: Console(screen(terminal=True)[0]),
        "metrics": MetricsFile,
        "tensorboard": TensorBoard,
        "profile": lambda: Profile(steps=1, skip=1),
    }[kind]()
    weights = {name: value.clone() for name, value in run.model.state_dict().items()}
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    observer.on_start(run)
    for step in (1, 2):
        observer.on_step(make_step(step))
    observer.on_training(make_training(2))
    observer.on_evaluation(make_evaluation(2, samples=["a"], confusion=torch.eye(2), class_names=("a", "b")))
    observer.on_end(RESULTS)
    observer.close()
    after = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
    assert run.model.training and all(
        torch.equal(weights[name], value) for name, value in run.model.state_dict().items()
    )


def test_no_step_reads_a_tensor(run, make_step):
    """A tensor without data cannot be read; on a GPU a read would wait for the device."""
    report = make_step(1)
    report.window = Batch(*(torch.zeros(2, 3, device="meta") for _ in range(3)))
    for observer in (Console(screen(terminal=True)[0]), MetricsFile(), TensorBoard(), Profile()):
        observer.on_start(run)
        observer.on_step(report)
        observer.close()


def test_the_jump_of_a_learning_rate_is_said():
    assert jump(1e-6, 2.65e-4).startswith("the learning rate jumps from 1e-06 to 0.000265 (265-fold), as")
    assert jump(0.0, 0.5).startswith("the learning rate jumps from 0 to 0.5, as")
