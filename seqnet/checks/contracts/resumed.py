"""A run that is saved and gone on with comes to the same bits as one that was not stopped."""

import tempfile
from pathlib import Path
from typing import Any

import torch

from seqnet.batch import Batch
from seqnet.build import Assembly
from seqnet.checks.comparing import difference
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.numbers import numbers_of
from seqnet.checks.subject import Few, Run, Subject
from seqnet.training import checkpoint
from seqnet.training.trainer import Trainer

TITLE = "save and resume = go on"
TOLERANCE = 0.0
BEFORE, AFTER = 3, 3
LEFT_OUT = ("machine", "config", "read")  # what training does not change
TIMES = ("seconds",)


def check(subject: Subject) -> Measured:
    """Weights, optimiser, carried state, random generators and all else of a checkpoint, three steps after it."""
    if subject.trainer is None or subject.run is None:
        raise DoesNotApply("it is of runs")
    with numbers_of(torch.float32):
        yield from _compared(subject)


def _compared(subject: Subject) -> Measured:
    parts, trainer, run = _begun(subject)
    _steps(trainer, BEFORE)
    with tempfile.TemporaryDirectory() as place:
        path = checkpoint.write(Path(place), trainer.position.step, run.components())
        _steps(trainer, AFTER)
        expected = run.components()
        _, again, other = _begun(subject)
        torch.manual_seed(subject.config["seed"] + 1)
        other.restore(checkpoint.read(path), str(path))
    _steps(again, AFTER)
    found = other.components()
    for name in expected.keys() - set(LEFT_OUT):
        for what, apart in _apart(found[name], expected[name], name):
            yield f"{what} of the checkpoint", apart
    yield "the whole checkpoint", float(found.keys() != expected.keys())


def _begun(subject: Subject) -> tuple[Assembly, Trainer, Run]:
    assert subject.trainer is not None and subject.run is not None
    batches: list[Batch] = subject.singles
    parts = subject.assembled()
    trainer = subject.trainer(parts, Few(batches))
    return parts, trainer, subject.run(parts, trainer)


def _steps(trainer: Trainer, many: int) -> None:
    steps = trainer.steps()
    for _ in range(many):
        next(steps, None)


def _apart(found: Any, wanted: Any, place: str) -> Measured:
    """How far two trees are apart, leaf by leaf."""
    if isinstance(wanted, torch.Tensor):
        same = isinstance(found, torch.Tensor) and found.dtype == wanted.dtype and torch.equal(found, wanted)
        yield place, 0.0 if same else max(difference(found, wanted), torch.finfo(torch.float64).tiny)
    elif isinstance(wanted, dict):
        yield place, float(not isinstance(found, dict) or found.keys() != wanted.keys())
        for key in wanted.keys() & found.keys():
            if key not in TIMES:
                yield from _apart(found[key], wanted[key], f"{place}.{key}")
    elif isinstance(wanted, list | tuple):
        yield place, float(len(found) != len(wanted))
        for number, (one, other) in enumerate(zip(found, wanted, strict=False)):
            yield from _apart(one, other, f"{place}.{number}")
    else:
        yield place, float(found != wanted)
