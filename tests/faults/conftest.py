"""Two tiers of faults: a few in every test run, all of them by `make test-faults`, which writes their figures."""

import copy
import fcntl
import functools
import io
import json
import os
import platform
import random
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet import __version__, cli, configuration
from seqnet.commands import train as training
from seqnet.training import checkpoint, manifest

QUIET = ("observers.tensorboard=false", "observers.console=false", "device=cpu", "threads=1")

FAULTS = os.environ.get("SEQNET_FAULTS")  # set by `make test-faults`: where the figures go
REPORT = Path(FAULTS).resolve() if FAULTS else None  # tests change the folder they run in
ROW = re.compile(r"^\| (?!test \|)(?!---)(.+?) \| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="session")
def amount() -> Callable[[int, int], int]:
    """How many cases to try: of (quick, full), what this tier asks for."""
    return lambda quick, full: full if REPORT else quick


@pytest.fixture(scope="session")
def figure() -> Callable[[str, str], None]:
    """Note what a test of the full tier reached in its report: figure("byte flips", "200 of 200 detected")."""

    def note(name: str, reached: str) -> None:
        if REPORT:
            with open(REPORT, "r+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # two workers may be at it
                text = reported(file.read(), name, reached)
                file.seek(0)
                file.write(text)
                file.truncate()

    return note


def reported(text: str, name: str, reached: str) -> str:
    """The report with that row new; rows of tests that did not run stay as they were."""
    head, _, rest = text.partition("<!-- figures -->\n")
    table, _, tail = rest.partition("<!-- end of figures -->\n")
    rows = {**dict(ROW.findall(table)), name: reached}
    made = (
        f"Made by `make test-faults` on {date.today()}: seqnet {__version__}, torch {torch.__version__}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores.\n"
    )
    lines = "".join(f"| {name} | {reached} |\n" for name, reached in rows.items())
    found = f"{made}\n| test | figure |\n|---|---|\n{lines}"
    return f"{head}<!-- figures -->\n{found}<!-- end of figures -->\n{tail}"


@pytest.fixture(scope="session")
def train() -> Callable[..., tuple[int, str]]:
    """Train in this process: train(overrides, run_dir, {key: value}) gives the exit code and what was told on stderr.

    Overrides are composed once, however often they are run with, since composing takes longer than such a run; what
    changes from run to run is put in after. The disk is not waited for, which is the subject of other tests.
    """
    composed = functools.cache(configuration.compose)

    def run(overrides: tuple[str, ...], run_dir: Path, changes: Mapping[str, Any] = {}) -> tuple[int, str]:
        last = {override.partition("=")[0]: override for override in QUIET + overrides}
        made = composed("train", tuple(last.values()))
        config = copy.deepcopy(made.config)
        for key, value in {"run_dir": str(run_dir), **changes}.items():
            configuration.put(config, key, value)
        err = io.StringIO()
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(io.StringIO()))
            stack.enter_context(redirect_stderr(err))
            stack.enter_context(pytest.MonkeyPatch.context()).setattr(os, "fsync", lambda descriptor: None)
            code, _ = cli.told(lambda: training.run(config, {**made.typed, **changes}, dict(made.choices)))
        return code, err.getvalue()

    return run


@pytest.fixture(scope="session")
def differences() -> Callable[[Path, Path], list[str]]:
    """In what two finished runs differ: components of their last and best checkpoints, rows, scores."""

    def compare(run: Path, whole: Path) -> list[str]:
        found = []
        for name in ("last", "best"):
            one, other = (checkpoint.fingerprint(manifest.find(folder, name)) for folder in (run, whole))
            found += [f"{key} of {name}" for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]
        if (run / "metrics.jsonl").read_bytes() != (whole / "metrics.jsonl").read_bytes():
            found.append("metrics.jsonl")
        ours, theirs = (json.loads((folder / "results.json").read_text()) for folder in (run, whole))
        changing = {"seconds", "next"}
        return found + [f"{key} of results.json" for key in ours.keys() - changing if ours[key] != theirs.get(key)]

    return compare


@pytest.fixture(scope="session")
def points() -> Callable[[Path], dict[str, list[Any]]]:
    """What TensorBoard shows of a run: (step, content) of each point of each tag, without times and folders."""
    from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

    def read(run: Path) -> dict[str, list[Any]]:
        found = {}
        for part in ("", "train", "valid"):
            events = EventAccumulator(str(run / "tensorboard" / part), size_guidance={"tensors": 0}).Reload()
            for tag in events.Tags()["tensors"]:
                if not tag.startswith(("custom_scalars__config__", "_hparams_/")):  # about the run, and no points of it
                    told = not tag.startswith(("speed/", "config/"))
                    at = [(at.step, told and at.tensor_proto.SerializeToString()) for at in events.Tensors(tag)]
                    found[f"{part}/{tag}"] = at
        return found

    return read


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    """Overrides of small runs of each task: batches of several windows, two windows a step, dropout, 8 to 22 steps."""
    folder = tmp_path_factory.mktemp("data")
    drawn = random.Random(3)
    words = "the quick brown fox jumps over a lazy dog while seven wizards make toxic brew".split()
    texts = [" ".join(drawn.choices(words, k=3 + row)) for row in range(12)] * 2
    (folder / "text.txt").write_text("\n".join(texts[:12]))
    (folder / "documents.jsonl").write_text("\n".join(json.dumps({"text": text[:60]}) for text in texts))
    (folder / "rows.csv").write_text("".join(f"{text},{'a' if 'fox' in text else 'b'}\n" for text in texts))
    tagged = ["\n".join(f"{word} {'I-x' if word in words[:5] else 'O'}" for word in text.split()) for text in texts]
    (folder / "tags.conll").write_text("\n\n".join(tagged) + "\n")
    pieces = [[[60 + row % 5, 64, 67], [62, 65, 69], [59, 62, 67]][: 2 + row % 2] * (1 + row % 3) for row in range(12)]
    (folder / "pieces.json").write_text(json.dumps({"train": pieces, "valid": pieces[:5], "test": pieces[5:9]}))
    common = (
        "model.hidden_size=8",
        "model.embedding_size=4",
        "model.output_dropout=0.2",
        "schedule.warmup_steps=2",
        "training.accumulate=2",
        "training.max_minutes=null",
        "training.max_epochs=2",
        "training.evaluate_every_steps=5",
        "training.log_every_steps=2",
        "observers.sample_length=3",
    )
    shares = ("data.valid_share=0.2", "data.test_share=0.2")
    written = ("task.metrics=[exact_match]", "training.monitor=loss", *common, "data.batch_size=6")
    reverse = (
        "experiment=reverse",
        "data.length=7",
        "data.held_out_length=8",
        "data.symbols=5",
        "data.train_size=30",
        "data.valid_size=8",
        "data.test_size=6",
        "training.window=3",
        "training.stride=2",
        *written,
    )
    rows = ("data.batch_size=5", "training.window=2", *common, *shares)
    return {
        "text": (
            "experiment=tiny_shakespeare",
            f"data.path={folder / 'text.txt'}",
            "data.batch_size=3",
            "training.window=6",
            "training.stride=5",
            *common,
            *shares,
        ),
        "documents": (
            "experiment=tiny_shakespeare",
            f"data.path={folder / 'documents.jsonl'}",
            "data.batch_size=3",
            "training.window=12",
            *common,
            *shares,
        ),
        "sentences": (
            "experiment=sst2",
            f"data.path={folder / 'rows.csv'}",
            "model.bidirectional=false",
            "data.fields.text.min_count=1",
            *rows,
        ),
        "tags": (
            "experiment=wnut17",
            f"data.path={folder / 'tags.conll'}",
            "model.bidirectional=false",
            "data.fields.word.min_count=1",
            *rows,
            "training.ema_decay=0.8",
        ),
        "compose": (
            "experiment=compose",
            f"data.path={folder / 'pieces.json'}",
            "data.transpose=3",
            "training.window=6",
            *common,
            "data.batch_size=4",
        ),
        "drawing": (
            "experiment=digit_average",
            "data.train_share=0.014",
            "data.valid_share=0.006",
            "debug.evaluation_batches=2",
            "training.window=3",
            *written,
            "task.metrics=[mse]",
        ),
        **{
            f"reverse, {attention}": (*reverse, f"attention={attention}", *options)
            for attention, options in {
                "soft": ("decoding=beam", "decoding.beam_size=2", "training.ema_decay=0.8"),
                "hard": ("model.input_feeding=true", "attention.coverage=true"),
                "local": ("training.scheduled_sampling=0.5",),
                "multi_head": ("attention.num_heads=2", "decoding=sampling"),
            }.items()
        },
    }
