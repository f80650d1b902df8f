"""Whole runs on a GPU, by the command line: stopped, moved, asked, exported, and out of memory."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.observers.metrics_file import MetricsFile
from tests.conftest import trained

SECONDS = 120

Overrides = tuple[str, ...]


@pytest.fixture
def writer(language_model: Overrides, device: torch.device) -> Overrides:
    """Text in lanes and windows, state carried."""
    return (*language_model, f"device={device.type}")


@pytest.fixture
def judge(classifier: Overrides, device: torch.device) -> Overrides:
    """Rows in buckets, dropout."""
    return (*classifier, f"device={device.type}")


@pytest.fixture
def reverser_of(reverser: Overrides, device: torch.device) -> Overrides:
    """Attention, dropout, beam search; scores that need no further package."""
    return (*reverser, "task.metrics=[token_accuracy,exact_match]", f"device={device.type}")


@pytest.mark.parametrize("task", ["writer", "judge", "reverser_of"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_that_goes_on_ends_bit_for_bit_as_one_that_was_not_stopped(
    seqnet: Any, task: str, precision: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = (*request.getfixturevalue(task), f"precision={precision}", "deterministic=true")
    assert seqnet.quietly(*overrides, "run_dir=whole").code == 0
    with monkeypatch.context() as patch:
        patch.setattr(MetricsFile, "on_step", stops_after(4))
        assert seqnet.quietly(*overrides, "run_dir=parts").code == 143
    assert seqnet("train", "run_dir=parts").code == 0
    assert seqnet.results("whole")["steps"] > 8
    assert seqnet.fingerprint("parts") == seqnet.fingerprint("whole")
    assert Path("parts/metrics.jsonl").read_bytes() == Path("whole/metrics.jsonl").read_bytes()


def stops_after(step: int) -> Callable[[Any, Any], None]:
    """An observer that has this process stopped when that step is done."""

    def on_step(self: Any, report: Any) -> None:
        if report.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return on_step


def test_a_run_moves_from_cpu_to_gpu_and_back(seqnet: Any, writer: Overrides, device: torch.device) -> None:
    plain = tuple(one for one in writer if not one.startswith("device=") and "dropout" not in one)
    plain = (*plain, "schedule=constant", "training.log_every_steps=1")
    assert seqnet.quietly(*plain, "training.max_steps=12", "run_dir=here").code == 0
    assert seqnet.quietly(*plain, "training.max_steps=4", "run_dir=moved").code == 0
    for place, steps in ((device.type, 8), ("cpu", 12)):
        found = seqnet("train", "run_dir=moved", f"device={place}", f"training.max_steps={steps}")
        assert found.code == 0, found.err
    losses = [[row["loss"] for row in seqnet.rows(run) if row["split"] == "train"] for run in ("here", "moved")]
    assert len(losses[0]) == 12
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.fixture(scope="module")
def reversed_run(reverser: Overrides, device: torch.device, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained on the GPU until it writes something of its own."""
    scores = "task.metrics=[token_accuracy,exact_match]"
    folder = tmp_path_factory.mktemp("reversed")
    return trained(folder, *reverser, scores, f"device={device.type}", "training.max_epochs=6", "optimizer.lr=1e-2")


LINES = b"1 2 3\n4 0 1 2\n3 3\n0 1 2 3\n"


@pytest.mark.parametrize("decoding", ["greedy", "beam", "sampling"])
def test_what_is_written_on_a_gpu_is_what_is_written_on_a_cpu(
    seqnet: Any, reversed_run: Path, device: torch.device, decoding: str
) -> None:
    asked = ("predict", f"run={reversed_run}", f"decoding={decoding}", "format=json")
    here, there = (seqnet(*asked, f"device={place}", stdin=LINES) for place in ("cpu", device.type))
    assert here.code == there.code == 0, there.err
    assert len(here.rows) == 4
    if decoding != "sampling":  # whose draws hang on the last digits
        assert [row["prediction"] for row in there.rows] == [row["prediction"] for row in here.rows]
        scores = [[row["score"] for row in found.rows] for found in (here, there)]
        assert scores[1] == pytest.approx(scores[0], rel=1e-3)


def test_it_evaluates_to_the_same_scores(seqnet: Any, reversed_run: Path, device: torch.device) -> None:
    asked = ("evaluate", f"run={reversed_run}", "format=json")
    here, there = (seqnet(*asked, f"device={place}").rows[0] for place in ("cpu", device.type))
    assert there["loss"] == pytest.approx(here["loss"], rel=1e-4)
    assert there["exact_match"] == here["exact_match"]


def test_what_was_trained_on_a_gpu_is_exported(seqnet: Any, reversed_run: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, exc_type=ImportError)
    made = seqnet("export", f"run={reversed_run}", "output=out")
    assert made.code == 0, made.err
    given = LINES.decode()
    told = subprocess.run(
        [sys.executable, "out/run.py"], input=given, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert told.returncode == 0, told.stderr
    found = [json.loads(line)["prediction"] for line in told.stdout.splitlines()]
    asked = seqnet("predict", f"run={reversed_run}", "device=cpu", "format=json", stdin=LINES)
    assert found == [row["prediction"] for row in asked.rows]


def test_running_out_of_the_gpus_memory_is_one_sentence(seqnet: Any, writer: Overrides, gpu: torch.device) -> None:
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(gpu).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(gpu) + 64 * 2**20) / whole, gpu)
    try:
        found = seqnet.quietly(*writer, "model.hidden_size=2000", "run_dir=run")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, gpu)
        torch.cuda.empty_cache()
    assert found.code == 7, found.err
    assert "seqnet: out of memory; lower " in found.err and "Traceback" not in found.err
    assert "model.hidden_size" in found.err


WATCHED = (
    "training.log_every_steps=1",
    "training.evaluate_every_steps=2",
    "checkpoint.every_steps=3",
    "observers.tensorboard._target_=seqnet.observers.tensorboard.TensorBoard",
    "observers.memory.every_steps=2",
    "observers.sample_length=20",
    "decoding=sampling",
    "decoding.top_p=0.9",
)
WATCHING = ("config", "early_stopping", "ema", "metrics", "snapshots")
"""Components of a checkpoint that say how a run was watched."""


def test_watching_changes_nothing(seqnet: Any, writer: Overrides) -> None:
    plain = (*writer, "deterministic=true", "training.max_steps=8")
    assert seqnet.quietly(*plain, "run_dir=plain").code == 0
    found = seqnet("train", *seqnet.last_of(*plain, "threads=1", *WATCHED, "run_dir=watched"))
    assert found.code == 0, found.err
    assert list(Path("watched/tensorboard").rglob("events*")) and Path("watched/memory.jsonl").is_file()
    one, other = (seqnet.fingerprint(run, without=WATCHING) for run in ("plain", "watched"))
    assert one == other and "parameters" in one
