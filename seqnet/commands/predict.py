"""`seqnet predict`: what a trained run says of new inputs, one line of JSON for each line read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from seqnet.batch import Batch
from seqnet.commands.lines import chunks, writer
from seqnet.commands.stored import StoredRun, load
from seqnet.data.examples import Examples
from seqnet.training.evaluation import evaluating


def run(config: dict[str, Any]) -> int:
    """Read lines, or a file in the training format; write {"prediction": ..., "score": ...}; the exit code."""
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    size = config["data"]["batch_size"] or stored.config["data"]["batch_size"]
    with writer(config["output"]) as write:
        for examples in _inputs(stored, config["input"], size):
            for row in predictions(stored, examples, size):
                write(json.dumps(row, ensure_ascii=False))
    return 0


def _inputs(stored: StoredRun, path: str | None, size: int) -> Iterator[Examples]:
    """The inputs, a batch of lines at a time so that a pipe is answered as it is fed."""
    source = stored.assembly.source
    for lines, first in chunks(path, size):
        yield source.read_inputs(lines, path or "standard input", first)


def predictions(stored: StoredRun, examples: Examples, size: int) -> Iterator[dict[str, Any]]:
    """One answer a row, in the order of the rows, computed in batches of rows of like length."""
    order = torch.argsort(examples.lengths, stable=True)
    answers: list[dict[str, Any]] = [{}] * len(examples)
    for rows in order.split(size):
        batch = examples.batch(rows)
        for row, answer in zip(rows.tolist(), _answer(stored, batch), strict=True):
            answers[row] = answer
    yield from answers


def _answer(stored: StoredRun, batch: Batch) -> list[dict[str, Any]]:
    moved = batch.to(stored.precision.device)
    with evaluating(stored.assembly.model), stored.precision.autocast():
        found: list[dict[str, Any]] = stored.assembly.task.predictions(stored.assembly.model(moved, None), moved)
    return found


