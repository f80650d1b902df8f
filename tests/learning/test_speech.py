"""Spoken words and letters: small trainings that learn and then hear a file; the defaults in full."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqnet.cli import answer
from seqnet.data.generated.spelled_tones import SpelledTones
from seqnet.data.generated.spoken_tones import SpokenTones

soundfile = pytest.importorskip("soundfile")
QUIET = ["threads=1", "device=cpu", "observers.console=false", "observers.tensorboard=false", "observers.samples=false"]
SMALL = [
    *(f"data.generated.{key}" for key in ("train_size=400", "valid_size=20", "test_size=60", "noise=0.05")),
    "data.batch_size=10",
]
SHORT = [
    "data.generated.shortest=1",
    "data.generated.longest=2",
    "data.fields.audio.mask_bands=0",
    "schedule.warmup_steps=10",
]
NARROW = ["model.encoders.audio.hidden_size=24", "optimizer.lr=1e-2", "data.fields.audio.mask_time=0"]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Trains as `seqnet train` does, and gives the test scores."""
    monkeypatch.chdir(tmp_path)

    def train(*arguments: str) -> dict[str, float]:
        assert answer(["train", *arguments, *QUIET, "run_dir=run"]) == 0, capsys.readouterr().err
        scores: dict[str, float] = json.loads(Path("run/results.json").read_text(encoding="utf-8"))["test"]
        return scores

    return train


def heard(drawn: SpokenTones | SpelledTones, rows: int = 12) -> int:
    """Of how many WAV files of some rows that nobody has seen `predict` says what is heard."""
    right = 0
    for sound, wanted in drawn.draw("unseen", rows, np.random.default_rng(5)):
        soundfile.write("one.wav", sound["array"] / 4, sound["sampling_rate"])
        assert answer(["predict", "run=run", "input=one.wav", "output=told.jsonl"]) == 0
        right += json.loads(Path("told.jsonl").read_text(encoding="utf-8"))["prediction"] == wanted
    return right


def test_spoken_words(trained: Any) -> None:
    narrow = ["model.hidden_size=24", "training.ema_decay=null", "optimizer.lr=1e-2"]
    assert (
        trained("experiment=spoken_digits", *SMALL, *narrow, "training.max_epochs=3")["accuracy"] > 0.7
    )  # of ten words
    assert heard(SpokenTones(1, noise=0.05), 3) >= 2


def test_letters_that_are_heard_in_their_place(trained: Any) -> None:
    few = ["model.hidden_size=24", "data.fields.audio.hop_ms=16", "training.max_epochs=8"]
    assert trained("experiment=speech_ctc", *SMALL, *SHORT, *NARROW, *few)["cer"] < 0.6  # of twelve letters
    assert heard(SpelledTones(1, 1, 2, 0.05), 3) >= 1


def test_letters_that_are_looked_for(trained: Any) -> None:
    assert (
        trained("experiment=speech", *SMALL, *SHORT, *NARROW, "model.hidden_size=32", "training.max_epochs=5")["cer"]
        < 0.3
    )
    assert heard(SpelledTones(1, 1, 2, 0.05), 3) >= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "score", "worst"),
    [("spoken_digits", "accuracy", 0.99), ("speech", "cer", 0.03), ("speech_ctc", "cer", 0.01)],
)
def test_as_they_are(trained: Any, experiment: str, score: str, worst: float) -> None:
    found = trained(f"experiment={experiment}")[score]
    assert found >= worst if score == "accuracy" else found <= worst
