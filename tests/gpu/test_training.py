"""The loop on a GPU: the same steps, every precision, every optimiser, one wait a step, memory that is bounded."""

import warnings
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import torch
import yaml

from seqnet import build
from seqnet.batch import IGNORE, Batch
from seqnet.cells.lstm import LSTM
from seqnet.configuration import CONFIGS
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.training.clipping import Clipping
from seqnet.training.limits import Limits
from seqnet.training.precision import Precision
from seqnet.training.schedule import Constant
from seqnet.training.trainer import Trainer
from tests.conftest import Fixed

CPU = torch.device("cpu")
OPTIMIZERS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((CONFIGS / "optimizer").glob("*.yaml"))}


def space(words: int = 20) -> Tokens:
    return Tokens(tuple(map(str, range(words))))


def text(rows: int = 8, time: int = 48, words: int = 20, ragged: bool = False) -> Batch:
    """Rows in which each word follows from the one before."""
    first = torch.randint(words, (rows, 1), generator=torch.Generator().manual_seed(0))
    ids = (first + 7 * torch.arange(time + 1)) % words
    lengths = torch.full((rows,), time)
    targets = ids[:, 1:]
    if ragged:
        lengths = (torch.arange(rows) * 5 + time - 1) % time + 1
        targets = targets.masked_fill(torch.arange(time) >= lengths[:, None], IGNORE)
    return Batch(ids[:, :-1], lengths, targets)


def trainer(
    device: torch.device, precision: str = "fp32", optimizer: str = "adam", batch: Batch | None = None, **options: Any
) -> Trainer:
    """Of a small language model, in windows of 12 steps."""
    torch.manual_seed(0)
    words = options.pop("words", 20)
    model = Recurrent(LSTM, space(words), {}, words, hidden_size=options.pop("hidden", 24), embedding_size=8).to(device)
    config = {"optimizer": OPTIMIZERS[optimizer] | options.pop("rate", {})}
    return Trainer(
        model,
        ManyToMany(NextToken(space(words))),
        Fixed(text() if batch is None else batch),
        build.optimizer(config, model),
        Constant(),
        Precision(precision, device),
        options.pop("limits", Limits(max_epochs=1)),
        Clipping(norm=1.0),
        window=options.pop("window", 12),
        **options,
    )


def told(run: Trainer) -> torch.Tensor:
    """The loss of an item and the gradient's norm at each step."""
    return torch.tensor([(step.loss_sum / step.count, step.gradient_norm) for step in run.steps() if step is not None])


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
def test_it_takes_the_same_steps(device: torch.device, ragged: bool) -> None:
    batch = text(ragged=ragged)
    expected, found = told(trainer(CPU, batch=batch)), told(trainer(device, batch=batch))
    assert len(found) == 4
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_every_precision_learns(device: torch.device, precision: str) -> None:
    run = trainer(device, precision, rate={"lr": 1e-2}, limits=Limits(max_epochs=30))
    losses = told(run)[:, 0]
    assert losses[-4:].mean() < losses[:4].mean() / 2
    assert all(weight.dtype == torch.float32 for weight in run.model.parameters())


def test_a_step_that_overflows_is_left_out_and_the_scale_falls(device: torch.device) -> None:
    run = trainer(device, "fp16", batch=text(time=600), limits=Limits(max_steps=6))
    run.precision.scaler = torch.amp.GradScaler(device.type, init_scale=2.0**40)
    before = [weight.detach().clone() for weight in run.model.parameters()]
    scale, steps = run.precision.scaler.get_scale(), run.steps()
    assert next(steps) is None and run.position.step == 0 and run.position.skipped == 1
    assert all(torch.equal(one, other) for one, other in zip(before, run.model.parameters(), strict=True))
    assert run.precision.scaler.get_scale() == scale / 2
    done = [step for step in steps if step is not None]
    assert len(done) == 6 and run.position.skipped > 1
    assert all(torch.isfinite(torch.tensor(step.gradient_norm)) for step in done)


FUSED = ("adam", "adamw", "sgd")  # in every torch from 2.7 on


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_moves_the_weights_as_on_a_cpu(device: torch.device, name: str) -> None:
    moved = []
    for place in (CPU, device):
        run = trainer(place, optimizer=name)
        told(run)
        if name in FUSED:
            assert run.optimizer.defaults["fused"] is True
        moved.append(torch.cat([weight.detach().cpu().flatten() for weight in run.model.parameters()]))
    # Adam and its like divide by a gradient, which may be next to nothing.
    far = (moved[0] - moved[1]).abs()
    assert (far > 1e-4).float().mean() < 1e-2 and far.max() < 0.05, far.max()


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_step_waits_for_the_gpu_once(gpu: torch.device, precision: str) -> None:
    """By what CUDA itself says."""
    run = trainer(gpu, precision, batch=text(ragged=True), limits=Limits(max_epochs=3))
    steps = run.steps()
    list(islice(steps, 4))  # an optimiser makes its state
    with warnings.catch_warnings(record=True) as waits:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            done = sum(step is not None for step in islice(steps, 4))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    found = [str(one.message) for one in waits if "called a synchronizing" in str(one.message)]
    assert done == len(found) == 4, found


def test_python_goes_on_while_a_window_is_copied(gpu: torch.device) -> None:
    batch = replace(text(rows=64, time=4_000), starts=torch.ones(64, dtype=torch.bool))
    busy = torch.cuda.current_stream(gpu)
    Precision("fp32", gpu).moved(batch)  # the first time, a place to wait in is asked of the system
    torch.cuda.synchronize(gpu)
    torch.cuda._sleep(2_000_000_000)
    there = Precision("fp32", gpu).moved(batch)
    assert not busy.query()  # it still sleeps, so the copy has not begun
    assert torch.equal(there.inputs.cpu(), batch.inputs) and torch.equal(there.targets.cpu(), batch.targets)
    assert busy.query()


def test_what_is_copied_is_what_was_there_though_its_memory_is_used_again(device: torch.device) -> None:
    """As windows are: the place where each waits for its copy is free as soon as Python has forgotten it."""
    whole = text(rows=16, time=4_000)
    found = [Precision("fp32", device).moved(window).inputs for window in whole.windows(50)]
    assert torch.equal(torch.cat(found, dim=1).cpu(), whole.inputs)


MOST = 200 * 2**20
"""Bytes that a step of the model below takes beside weights, gradients and what the optimiser keeps: a piece of logits
of 48 MiB with its softmax and its gradient, and what is less. Of all logits at once they would be 400 MiB."""


def test_a_step_takes_a_bounded_memory_however_large_the_vocabulary(gpu: torch.device) -> None:
    words, hidden = 50_000, 64
    batch = text(rows=20, time=35 * 20, words=words)
    run = trainer(gpu, words=words, hidden=hidden, batch=batch, window=35, limits=Limits(max_epochs=3))
    weights = 4 * sum(weight.numel() for weight in run.model.parameters())
    torch.ones(8, 8, device=gpu) @ torch.ones(8, 8, device=gpu)  # has cuBLAS take what it works in
    began = torch.cuda.memory_allocated(gpu)
    torch.cuda.reset_peak_memory_stats(gpu)
    steps = run.steps()
    list(islice(steps, 5))
    early = torch.cuda.max_memory_allocated(gpu)
    assert early - began < 3 * weights + MOST
    torch.cuda.reset_peak_memory_stats(gpu)
    list(steps)
    assert torch.cuda.max_memory_allocated(gpu) <= early + 2**20
