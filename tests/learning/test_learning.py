"""Short trainings that must reach a score, by the experiments' own yamls, with a fixed seed and one thread."""

import json
import math
import random

import pytest

from seqnet.cli import answer

QUIET = ["threads=1", "device=cpu", "observers.console=false", "observers.tensorboard=false", "observers.samples=false"]


@pytest.fixture
def trained(tmp_path, monkeypatch, capsys):
    """Trains as `seqnet train` does and gives the run's results."""
    monkeypatch.chdir(tmp_path)
    runs = []

    def train(*arguments):
        run = tmp_path / f"run{len(runs)}"
        runs.append(run)
        assert answer(["train", *arguments, *QUIET, f"run_dir={run}"]) == 0, capsys.readouterr().err
        return json.loads((run / "results.json").read_text(encoding="utf-8"))

    return train


# ------------------------------------------------------------------------- the experiments, some of them shorter


def test_adding_over_twenty_steps(trained):
    """Always answering 1 gives 1/6."""
    assert trained("experiment=adding", "data.length=20", "data.train_size=10000")["test"]["mse"] < 0.01


def test_larger_total(trained):
    """Which of two is larger: guessing gives a half."""
    assert trained("experiment=larger_total", "data.train_size=4000")["test"]["accuracy"] > 0.93


def test_digits_by_row(trained):
    assert trained("experiment=digits")["test"]["accuracy"] >= 0.95


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_digits_by_row_with_the_other_cells(trained, cell):
    assert trained("experiment=digits", f"cell={cell}")["test"]["accuracy"] >= 0.95


def test_running_sum(trained):
    """Always answering the mean would be wrong by the inputs' variance times the steps so far."""
    assert trained("experiment=running_sum", "training.max_epochs=4")["test"]["mse"] < 0.005


def test_ball(trained):
    """Much nearer than the last position, which is a squared step of (0.02 to 0.1) / 2 off: 0.002."""
    assert trained("experiment=ball", "training.max_epochs=4")["test"]["mse"] < 0.001


def test_copy_memory_finds_the_layout(trained):
    """What knowing the layout alone gives, 10 ln 8 / (T + 20), is where every model first comes to."""
    scores = trained(
        "experiment=copy_memory", "data.length=20", "data.train_size=6400", "optimizer.lr=3e-3", "training.max_epochs=1"
    )["test"]
    memoryless = 10 * math.log(8) / 40
    assert 0.8 * memoryless < scores["loss"] < 1.05 * memoryless


# ------------------------------------------------------------------------------- state, windows, options

PERIOD = "aaaaaaab"


@pytest.fixture
def periodic(trained, tmp_path):
    """Trains a character model on text in which only a memory of a whole period tells when `b` comes."""
    text = tmp_path / "periodic.txt"
    text.write_text(PERIOD * 1500, encoding="utf-8")

    def train(*arguments):
        small = ["model.hidden_size=32", "model.embedding_size=8", "data.batch_size=16", "optimizer.lr=2e-2"]
        small += ["cell=lstm", "optimizer.betas=[0.9,0.99]", "training.ema_decay=null"]
        limits = ["training.max_minutes=null", "training.evaluate_every_steps=100"]
        typed = ["experiment=tiny_shakespeare", f"data.path={text}", *small, *limits, *arguments]
        best = trained(*{one.partition("=")[0]: one for one in typed}.values())["best"]  # what comes later counts
        return best["bits"]

    return train


def test_state_carried_from_window_to_window_remembers_what_the_window_does_not_hold(periodic, monkeypatch):
    """Windows of 4 in a period of 8: with the state 0 bits are possible, without it none of its letters is sure."""
    carried = periodic("training.window=4", "training.max_steps=500")
    for module in ("trainer", "evaluation"):
        monkeypatch.setattr(f"seqnet.training.{module}.enter", lambda model, state, window, moved: None)
    reset = periodic("training.window=4", "training.max_steps=500")
    assert carried < 0.1
    assert reset > 3 * carried and reset > 0.3


def test_tied_weights_learn(periodic):
    tied = ["model.tied=true", "model.embedding_size=32"]
    assert periodic("training.window=16", "training.max_steps=400", *tied) < 0.05


def test_words_of_a_large_vocabulary_by_adaptive_softmax(trained, tmp_path, capsys):
    """Each word says the next but for one in eight, which any may follow; most of them are in the rarer clusters."""
    rng, words, word = random.Random(0), [], 0
    for _ in range(12_000):
        word = rng.randrange(40) if rng.random() < 1 / 8 else (7 * word + 3) % 40
        words.append(f"w{word}")
    (tmp_path / "words.txt").write_text(" ".join(words), encoding="utf-8")
    options = [
        "data.fields.text.level=words",
        "objective=adaptive",
        "objective.cutoffs=[5,20]",
        "objective.div_value=2",
    ]
    small = ["model.hidden_size=32", "data.batch_size=16", "training.window=16", "optimizer.lr=1e-2"]
    limits = ["training.max_minutes=null", "training.max_steps=400", "training.evaluate_every_steps=100"]
    best = trained("experiment=tiny_shakespeare", "data.path=words.txt", *options, *small, *limits)["best"]
    entropy = -(7 / 8 + 1 / 320) * math.log(7 / 8 + 1 / 320) - 39 / 320 * math.log(1 / 320)
    assert best["accuracy"] > 0.8 and best["loss"] < entropy + 0.25
    capsys.readouterr()
    assert answer(["evaluate", "run=run0", "split=valid"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == pytest.approx(best["loss"])
    assert answer(["generate", "run=run0", "prompt=w1", "length=3", "decoding=greedy"]) == 0
    assert json.loads(capsys.readouterr().out)["prediction"] == " w10 w33 w34"


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (5, "null")])
def test_truncated_windows_learn(trained, window, stride):
    """The running sum is carried across windows, which are shorter than its rows of 20 steps."""
    windows = [f"training.window={window}", f"training.stride={stride}"]
    assert trained("experiment=running_sum", "training.max_epochs=2", *windows)["test"]["mse"] < 0.01


def test_bf16_learns(trained):
    assert trained("experiment=digits", "training.max_epochs=10", "precision=bf16")["test"]["accuracy"] >= 0.9


def test_accumulated_windows_learn(trained):
    small = ["data.batch_size=8", "training.accumulate=4", "training.max_epochs=8"]
    results = trained("experiment=digits", *small)
    assert results["test"]["accuracy"] >= 0.9
    assert results["steps"] == 8 * math.ceil(math.ceil(1258 / 8) / 4)


@pytest.mark.parametrize("options", [["model.num_layers=2", "model.residual=true"], ["model.bidirectional=true"]])
def test_other_architectures_learn(trained, options):
    small = ["model.hidden_size=64", "training.max_epochs=5"]
    assert trained("experiment=digits", *small, *options)["test"]["accuracy"] >= 0.9


# -------------------------------------------------------------------------------------------- longer ones


@pytest.mark.slow
def test_time_series(trained):
    """Seasonal-naive is about .98, and the noise that nobody can know about .335."""
    test = trained("experiment=time_series")["test"]
    assert test["mase"] < 0.42 < 0.55 * test["mase_seasonal_naive"]
    assert 0.75 <= test["coverage"] <= 0.85
    assert test["wql"] < 0.35 * test["wql_seasonal_naive"]


@pytest.mark.slow
def test_adding_over_two_hundred_steps(trained):
    assert trained("experiment=adding", "data.length=200")["test"]["mse"] < 0.01


@pytest.mark.slow
def test_larger_total_as_it_is(trained):
    assert trained("experiment=larger_total")["test"]["accuracy"] >= 0.98


@pytest.mark.slow
def test_more_dates_of_forty_countries(trained):
    scores = trained("experiment=dates", "data.train_size=12800", "training.max_epochs=1")
    assert scores["test"]["exact_match"] > 0.7


@pytest.mark.slow
def test_digits_by_pixel(trained):
    options = ["data.by=pixel", "cell=gru", "optimizer.lr=5e-3", "training.max_epochs=30"]
    assert trained("experiment=digits", *options)["test"]["accuracy"] >= 0.95


# ------------------------------------------------------------------------- what is written freely

SHORT = ["data.length=5", "data.held_out_length=5", "data.symbols=8", "data.train_size=4000", "data.test_size=200"]
BRIEF = ["data.valid_size=50", "model.hidden_size=32", "training.max_epochs=4", "optimizer.lr=1e-2"]


def test_dates_of_forty_countries(trained):
    scores = trained("experiment=dates", "data.train_size=6400", "training.max_epochs=1")
    assert scores["test"]["exact_match"] > 0.3


@pytest.mark.parametrize(
    "attention",
    [
        "soft",
        "soft attention.score=additive model.input_feeding=true",
        "hard attention.estimator=exact",
        "hard attention.estimator=exact attention.top_k=3 attention.decode=hard",
        "hard attention.estimator=gumbel",
        "hard attention.estimator=reinforce",
        "local attention.position=monotonic attention.window=1",
        "local attention.position=predicted attention.window=2",
        "multi_head",
    ],
)
def test_every_attention_learns_to_copy(trained, attention):
    typed = f"attention={attention}".split()
    scores = trained("experiment=reverse", "data.order=copy", *typed, *SHORT, *BRIEF)
    assert scores["test"]["exact_match"] > 0.8


def test_scheduled_sampling_learns_to_reverse(trained):
    scores = trained("experiment=reverse", *SHORT, *BRIEF, "training.scheduled_sampling=0.5")
    assert scores["test"]["exact_match"] > 0.8


def test_targets_cut_into_windows_are_learnt(trained):
    scores = trained("experiment=reverse", *SHORT, *BRIEF, "training.window=4", "training.stride=2", "cell=gru")
    assert scores["test"]["exact_match"] > 0.8
