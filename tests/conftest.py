"""Small runs, made by the command line in this process."""

import contextlib
import io
import json
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seqnet import cli
from seqnet.training import checkpoint

WORDS = "the quick brown fox jumps over a lazy dog while seven wizards make toxic brew".split()
QUIET = ("observers.tensorboard=false", "observers.console=false", "device=cpu", "threads=1")


@dataclass
class Answer:
    """What a command line brought."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def answer(*arguments: str | Path, stdin: bytes | None = None) -> Answer:
    """Run a command line in this process."""
    before = sys.stdin
    if stdin is not None:
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.answer([str(argument) for argument in arguments])
    finally:
        sys.stdin = before
    return Answer(code, out.getvalue(), err.getvalue())


class Shell:
    """The command line, and what it wrote."""

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None) -> Answer:
        """Run a command line in this process."""
        return answer(*arguments, stdin=stdin)

    def quietly(self, *arguments: str | Path) -> Answer:
        """Train, with nobody watching."""
        return answer("train", *QUIET, *arguments)

    @staticmethod
    def rows(run: Path | str) -> list[dict[str, Any]]:
        """metrics.jsonl."""
        return [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]

    @staticmethod
    def results(run: Path | str) -> dict[str, Any]:
        """results.json."""
        found: dict[str, Any] = json.loads((Path(run) / "results.json").read_text())
        return found

    @staticmethod
    def fingerprint(run: Path | str, name: str = "last", without: tuple[str, ...] = ()) -> dict[str, str]:
        """Of a run's checkpoint."""
        found = checkpoint.fingerprint(checkpoint.find(Path(run), name))
        return {key: value for key, value in found.items() if key not in without}


@pytest.fixture
def seqnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEQNET_DEBUG", raising=False)
    return Shell()


@contextlib.contextmanager
def within(folder: Path) -> Iterator[None]:
    """That folder as the current one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def trained(*arguments: str | Path) -> None:
    """Train; it must go well."""
    found = answer("train", *QUIET, *arguments)
    assert found.code == 0, found.err


@pytest.fixture(scope="session")
def novel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of 2,000 characters or so."""
    drawn = random.Random(1)
    path = tmp_path_factory.mktemp("novel") / "novel.txt"
    path.write_text("\n".join(" ".join(drawn.choices(WORDS, k=8)) for _ in range(50)))
    return path


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of texts of different lengths, each with a label."""
    drawn = random.Random(2)
    rows = []
    for _ in range(60):
        words = drawn.choices(WORDS, k=drawn.randint(1, 12))
        rows.append(f"{' '.join(words)},{'friendly' if 'fox' in words else 'not'}")
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


@pytest.fixture(scope="session")
def language_model(novel: Path) -> tuple[str, ...]:
    """Overrides: text in lanes and windows, state carried, 22 steps."""
    return (
        "experiment=tiny_shakespeare",
        f"data.path={novel}",
        "data.batch_size=4",
        "model.hidden_size=8",
        "model.embedding_size=4",
        "model.output_dropout=0.1",
        "training.window=40",
        "training.stride=30",
        "training.max_minutes=null",
        "training.max_epochs=2",
        "training.evaluate_every_steps=5",
        "training.log_every_steps=3",
        "schedule.warmup_steps=2",
        "observers.sample_length=5",
    )


@pytest.fixture(scope="session")
def classifier(reviews: Path) -> tuple[str, ...]:
    """Overrides: rows in buckets with one answer each, dropout, patience, a plateau schedule, 14 steps."""
    return (
        "experiment=sst2",
        f"data.path={reviews}",
        "data.text_column=text",
        "data.label_column=label",
        "data.test_share=0.2",
        "data.valid_share=0.2",
        "data.batch_size=8",
        "model.hidden_size=6",
        "model.embedding_size=5",
        "model.num_layers=2",
        "model.dropout=0.2",
        "schedule=plateau",
        "schedule.patience=0",
        "training.max_epochs=3",
        "training.log_every_steps=2",
    )


@pytest.fixture(scope="session")
def writer_run(language_model: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained language model."""
    folder = tmp_path_factory.mktemp("writer")
    with within(folder):
        trained(*language_model, "run_dir=run")
    return folder / "run"


@pytest.fixture(scope="session")
def judge_run(classifier: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained classifier of texts."""
    folder = tmp_path_factory.mktemp("judge")
    with within(folder):
        trained(*classifier, "run_dir=run")
    return folder / "run"


@pytest.fixture(scope="session")
def adding_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained regression on sequences of numbers."""
    folder = tmp_path_factory.mktemp("adding")
    with within(folder):
        trained(
            "experiment=adding",
            "data.length=10",
            "data.train_size=64",
            "data.valid_size=20",
            "data.test_size=20",
            "model.hidden_size=8",
            "training.max_epochs=1",
            "run_dir=run",
        )
    return folder / "run"


@pytest.fixture(scope="session")
def reverser() -> tuple[str, ...]:
    """Overrides: numbers to be written in reverse, attention, dropout, 10 steps, beam search."""
    return (
        "experiment=reverse",
        "data.length=4",
        "data.held_out_length=5",
        "data.symbols=5",
        "data.train_size=160",
        "data.valid_size=20",
        "data.test_size=20",
        "data.batch_size=32",
        "model.hidden_size=16",
        "model.embedding_size=8",
        "model.output_dropout=0.1",
        "training.max_epochs=2",
        "training.monitor=token_accuracy",
        "task.metrics=[token_accuracy,exact_match,cer,wer,bleu,chrf]",
        "decoding=beam",
        "decoding.beam_size=3",
    )


@pytest.fixture(scope="session")
def reverse_run(reverser: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained encoder-decoder."""
    folder = tmp_path_factory.mktemp("reverser")
    with within(folder):
        trained(*reverser, "run_dir=run")
    return folder / "run"


@pytest.fixture(scope="session")
def caption_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that describes pictures."""
    folder = tmp_path_factory.mktemp("captions")
    with within(folder):
        trained("experiment=digit_captions", "data.train_share=0.1", "training.max_epochs=1", "run_dir=run")
    return folder / "run"


@pytest.fixture(scope="session")
def drawing_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that draws."""
    folder = tmp_path_factory.mktemp("drawings")
    with within(folder):
        trained("experiment=digit_drawing", "data.train_share=0.3", "training.max_epochs=2", "run_dir=run")
    return folder / "run"


@pytest.fixture(scope="session")
def chorale_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that composes."""
    folder = tmp_path_factory.mktemp("chorales")
    pieces = [[[60, 64, 67], [62, 65, 69], [59, 62, 67], [60, 64, 67]][first:] for first in range(3)] * 3
    (folder / "pieces.json").write_text(json.dumps(dict.fromkeys(("train", "valid", "test"), pieces)))
    with within(folder):
        trained(
            "experiment=compose",
            "data.path=pieces.json",
            "data.transpose=0",
            "model.hidden_size=16",
            "training.max_epochs=3",
            "run_dir=run",
        )
    return folder / "run"
