"""`seqnet predict`: what a trained run says of new inputs, one line of JSON for each line read."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from seqnet import build
from seqnet.batch import Batch
from seqnet.commands.lines import blocks, writer
from seqnet.commands.stored import StoredRun, load
from seqnet.data.examples import Examples
from seqnet.errors import DataError
from seqnet.training.evaluation import evaluating

TRAINING_FORMATS = (".tsv", ".csv", ".conll", ".parquet", ".json")
WITH_INPUTS = re.compile(rb'\s*\{.*"inputs"\s*:')  # a line that `read_inputs` takes as it is, targets or not


def run(config: dict[str, Any]) -> int:
    """Read lines, or a file in the training format; write {"prediction": ..., "score": ...}; the exit code."""
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    size = config["data"]["batch_size"] or stored.config["data"]["batch_size"]
    path = config["input"]
    with writer(config["output"]) as write:
        inputs = _table(stored, config) if path and in_training_format(Path(path)) else _lines(stored, path)
        for examples in inputs:
            for row in predictions(stored, examples, size):
                write(json.dumps(row, ensure_ascii=False))
    return 0


def in_training_format(path: Path) -> bool:
    """Whether a file holds inputs with their targets, as for training, not one input a line."""
    if path.suffix == ".jsonl" and path.is_file():
        with path.open("rb") as file:
            first = file.readline().lstrip(b"\xef\xbb\xbf \t")
            return first.startswith(b"{") and WITH_INPUTS.match(first) is None
    return path.suffix in TRAINING_FORMATS


def _table(stored: StoredRun, config: dict[str, Any]) -> Iterator[Examples]:
    split = build.other_split(stored.config, stored.assembly.source, config["input"], "test", config["trust"])
    if not isinstance(split, Examples):
        raise DataError(f"input={config['input']} holds no test split; give one input a line, in a .txt file")
    yield split


def _lines(stored: StoredRun, path: str | None) -> Iterator[Examples]:
    """A block of lines at a time, so that a pipe is answered as it is fed."""
    for lines, first in blocks(path):
        yield stored.assembly.source.read_inputs(lines, path or "standard input", first)


def predictions(stored: StoredRun, examples: Examples, size: int) -> Iterator[dict[str, Any]]:
    """One answer a row, in the order of the rows, computed in batches of rows of like length."""
    order = torch.argsort(examples.lengths, stable=True)
    answers: list[dict[str, Any]] = [{}] * len(examples)
    for rows in torch.split(order, size):
        batch = examples.batch(rows)
        for row, answer in zip(rows.tolist(), _answer(stored, batch), strict=True):
            answers[row] = answer
    yield from answers


def _answer(stored: StoredRun, batch: Batch) -> list[dict[str, Any]]:
    moved = batch.to(stored.precision.device)
    with evaluating(stored.assembly.model), stored.precision.autocast():
        found: list[dict[str, Any]] = stored.assembly.task.predictions(stored.assembly.model(moved, None), moved)
    return found
