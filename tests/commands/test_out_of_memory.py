"""An allocation that fails is exit code 7 of every command, and the sentence names what is large."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import Batch
from seqnet.commands.failures import explained
from seqnet.errors import CheckpointError, OutOfMemory, no_memory
from seqnet.models.recurrent import Recurrent

CPU = "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
FAILED: dict[str, BaseException] = {
    "torch on the CPU": RuntimeError(CPU),
    "torch on Windows": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    "torch on a GPU": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "a shape beyond number": RuntimeError("Storage size calculation overflowed with sizes=[99999999999, 99999999999]"),
    "Python": MemoryError(),
    "NumPy": MemoryError("Unable to allocate 7.45 GiB for an array with shape (1000000000,) and data type float64"),
    "the kernel": OSError(errno.ENOMEM, "Cannot allocate memory"),
}


def raising(error: BaseException) -> Callable[..., Any]:
    def fails(*given: Any, **named: Any) -> Any:
        raise error

    return fails


@pytest.mark.parametrize("kind", FAILED)
@pytest.mark.parametrize("command", ["evaluate", "predict", "generate"])
def test_it_is_exit_code_7_of_every_command(
    command: str, kind: str, seqnet: Any, judge_run: Path, writer_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Recurrent, "begin" if command == "generate" else "forward", raising(FAILED[kind]), raising=False
    )
    monkeypatch.setattr("seqnet.commands.samples.generate", raising(FAILED[kind]))
    found = seqnet(command, f"run={writer_run if command == 'generate' else judge_run}", stdin=b"the fox\n")
    assert (found.code, found.out) == (7, ""), found.err
    assert found.err.startswith("seqnet: out of memory; ") and found.err.count("\n") == 1


def test_a_checkpoint_is_not_blamed_for_it(seqnet: Any, judge_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is read, a RuntimeError is otherwise one of what it holds."""
    for place in ("seqnet.commands.stored.load_weights", "seqnet.build.assemble", "seqnet.build.source"):
        with monkeypatch.context() as patch:
            patch.setattr(place, raising(FAILED["torch on the CPU"]))
            assert seqnet("predict", f"run={judge_run}", stdin=b"fox\n").code == 7, place
            patch.setattr(place, raising(RuntimeError("something else")))
            assert seqnet("predict", f"run={judge_run}", stdin=b"fox\n").code == 5, place


def test_what_is_due_to_it_is_it() -> None:
    try:
        try:
            raise MemoryError
        except MemoryError as error:
            raise CheckpointError("damaged") from error
    except CheckpointError as error:
        assert no_memory(error)
    assert not no_memory(CheckpointError("out of memory"))  # a file of that name
    assert not no_memory(RuntimeError("shapes differ")) and not no_memory(OSError(errno.ENOSPC, "full"))


SMALL = {
    "data": {"batch_size": 8, "batch_tokens": None},
    "model": {"hidden_size": 64, "num_layers": 1},
    "training": {"window": None},
    "decoding": None,
}
ADVICE: dict[str, tuple[dict[str, Any], tuple[int, int], str, str]] = {
    "nothing": (
        {},
        (8, 50),
        "lower data.batch_size (now 8) or training.window (now the whole sequence, 50 steps)",
        "lower data.batch_size (now 8) or shorten the longest row (now 50 steps)",
    ),
    "rows": ({"data": {"batch_size": 9000}}, (9000, 50), *["lower data.batch_size (now 9000)"] * 2),
    "rows, few of which are there": (
        {"data": {"batch_size": 9000}},
        (1, 5000),
        "lower training.window (now the whole sequence, 5000 steps)",
        "shorten the longest row (now 5000 steps)",
    ),
    "steps a batch": (
        {"data": {"batch_size": 8, "batch_tokens": 10**6}},
        (20_000, 50),
        *["lower data.batch_tokens (now 1000000)"] * 2,
    ),
    "width": (
        {"model": {"hidden_size": 50_000}},
        (8, 50),
        "lower model.hidden_size (now 50000)",
        "take a machine with more of it for model.hidden_size=50000",
    ),
    "the window": (
        {"training": {"window": 4000}},
        (8, 4000),
        "lower training.window (now 4000)",
        "shorten the longest row (now 4000 steps)",
    ),
    "rows and width": (
        {"data": {"batch_size": 128}, "model": {"hidden_size": 4096}},
        (128, 50),
        "lower model.hidden_size (now 4096) or data.batch_size (now 128)",
        "take a machine with more of it for model.hidden_size=4096 or lower data.batch_size (now 128)",
    ),
}


@pytest.mark.parametrize("large", ADVICE)
def test_the_sentence_names_what_is_large(large: str) -> None:
    changed, (rows, steps), *sentences = ADVICE[large]
    config = SMALL | changed
    for asked, sentence in zip((None, {}), sentences, strict=True):
        with pytest.raises(OutOfMemory) as raised, explained(config, asked):
            batch = Batch(*(torch.zeros(shape) for shape in ((rows, steps), (rows,), (rows, steps))))
            raising(MemoryError())(batch)
        assert str(raised.value) == f"out of memory; {sentence}"


def test_a_wide_beam_is_named(seqnet: Any, reverse_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqnet.models.encoder_decoder.EncoderDecoder.step", raising(MemoryError()))
    found = seqnet("predict", f"run={reverse_run}", "decoding=beam", "decoding.beam_size=900", stdin=b"1 2\n")
    assert (found.code, found.err) == (7, "seqnet: out of memory; lower decoding.beam_size (now 900)\n")


def test_a_source_that_is_read_whole_is_shortened(
    seqnet: Any, reverse_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqnet.models.encoder.Encoder.forward", raising(MemoryError()))
    line = " ".join("1 2 3 4".split() * 100)
    found = seqnet("predict", f"run={reverse_run}", stdin=f"{line}\n".encode())
    assert (found.code, found.err) == (7, "seqnet: out of memory; shorten the longest row (now 400 steps)\n")


def test_what_generate_asks_for_is_named(seqnet: Any, writer_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqnet.commands.samples.generate", raising(MemoryError()))
    for typed, sentence in (
        (("samples=5000", "prompt=a"), "lower samples (now 5000)"),
        ((f"prompt={'fox ' * 100}",), "shorten the prompt (now 400 letters)"),
    ):
        found = seqnet("generate", f"run={writer_run}", *typed)
        assert (found.code, found.err) == (7, f"seqnet: out of memory; {sentence}\n")


def test_data_that_is_made_too_large_is_named(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqnet.build.source", raising(MemoryError()))
    found = seqnet.quietly("experiment=adding", "data.train_size=900000000", "run_dir=run")
    assert (found.code, found.err) == (7, "seqnet: out of memory; lower data.train_size (now 900000000)\n")
    assert not Path("run").exists()


# ----------------------------------------------------------------------------- as it truly happens

LIMITED = """
import re
import resource

from seqnet import cli
from seqnet.commands import evaluate, generate, predict  # noqa: F401

with open("/proc/self/status") as status:
    used = int(re.search(r"VmSize:\\s+(\\d+)", status.read())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)
cli.main()
"""


def test_memory_that_truly_is_not_there(terminal: Any, seqnet: Any, writer_run: Path, tmp_path: Path) -> None:
    sizes = ("data.length=10", "data.train_size=32", "data.valid_size=4", "data.test_size=4000")
    limits = ("model.hidden_size=512", "training.max_epochs=1", "debug.evaluation_batches=1")
    made = seqnet.quietly("experiment=adding", *sizes, *limits, "run_dir=run")
    assert made.code == 0, made.err
    (tmp_path / "limited.py").write_text(LIMITED)
    (tmp_path / "rows.txt").write_text((json.dumps([[0.5, 1.0]] * 400) + "\n") * 100)
    rows = ("input=rows.txt", "data.batch_size=100")
    longest = "shorten the longest row (now 400 steps) or lower data.batch_size (now 100)"
    for words, sentence in (
        (("generate", f"run={writer_run}", "samples=50000000", "length=2"), "lower samples (now 50000000)"),
        (("predict", "run=run", *rows), longest),
        (("evaluate", "run=run", "data.batch_size=4000"), "lower data.batch_size (now 4000)"),
    ):
        found = terminal("limited.py", *words, "device=cpu", folder=tmp_path)
        assert (found.code, found.out, found.err) == (7, "", f"seqnet: out of memory; {sentence}\n")
