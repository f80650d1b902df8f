"""`seqnet predict`: what a trained run says of new inputs, one line of JSON for each line read."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from seqnet import build
from seqnet.batch import Batch
from seqnet.commands.attention_maps import attention_maps
from seqnet.commands.failures import explained
from seqnet.commands.lines import as_line, blocks, writer
from seqnet.commands.stored import StoredRun, load
from seqnet.commands.writing import Found, Writer, asked_writer, beginning
from seqnet.data.dataset import Dataset
from seqnet.data.examples import Examples
from seqnet.data.files import BadRows, place
from seqnet.data.tally import ASKED
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.errors import ConfigurationError, DataError, DiskError
from seqnet.terminal import warn
from seqnet.training.evaluation import evaluating

TRAINING_FORMATS = (".tsv", ".csv", ".conll", ".parquet", ".json")
WITH_INPUTS = re.compile(rb'\s*\{.*"inputs"\s*:')  # a line that `read_inputs` takes as it is, targets or not

Answer = Callable[[Batch, list[int]], list[dict[str, Any]]]
"""A line of JSON for each row of a batch; the rows' places among all that are read are told too."""


def run(config: dict[str, Any]) -> int:
    """Read lines, or a file in the training format; write {"prediction": ..., "score": ...}; the exit code."""
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    size = config["data"]["batch_size"] or stored.config["data"]["batch_size"]
    path, before = config["input"], 0
    decoder = asked_writer(config, stored)
    answer = _answer(stored, config, decoder)
    with writer(config["output"]) as write, explained(stored.config, config, rows="data.batch_size"):
        for one in _table(stored, config) if path and _is_table(stored, Path(path)) else _lines(stored, config):
            for row in predictions(answer, one, size, before):
                write(as_line(row))
            before += one.rows
    source = stored.assembly.source
    notes = source.remarks([ASKED]) if isinstance(source, Dataset) else []
    for note in [*notes, *(decoder.notes if decoder is not None else ())]:
        warn(note)
    return 0


@dataclass(frozen=True)
class Asked:
    """Some rows that were read. examples: those to be answered; others: by place, the answer to one that cannot be."""

    examples: Examples | None
    others: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.others) + (0 if self.examples is None else len(self.examples))

    @property
    def places(self) -> list[int]:
        """Where those that can be answered stand."""
        return [place for place in range(self.rows) if place not in self.others]


def unanswered(problem: str | None = None) -> dict[str, Any]:
    """The answer to a row that is blank, or of which something is wrong."""
    return {"prediction": None, "score": None, **({} if problem is None else {"error": problem})}


def in_training_format(path: Path) -> bool:
    """Whether a file holds inputs with their targets, as for training, not one input a line."""
    if path.suffix == ".jsonl" and path.is_file():
        with path.open("rb") as file:
            first = file.readline().lstrip(b"\xef\xbb\xbf \t")
            return first.startswith(b"{") and WITH_INPUTS.match(first) is None
    return path.suffix in TRAINING_FORMATS


def _is_table(stored: StoredRun, path: Path) -> bool:
    """Whether a file is read as those of training are; a .txt is one raw text a line unless the run's format says."""
    if not isinstance(stored.assembly.source, Dataset):
        return in_training_format(path)
    if path.suffix == ".txt":
        said: bool = stored.config["groups"].get("data/format") not in (None, "auto", "text", "lines")
        return said
    return path.suffix != ".jsonl" or in_training_format(path)


def _table(stored: StoredRun, config: dict[str, Any]) -> Iterator[Asked]:
    if isinstance(stored.assembly.source, Dataset):
        bad = Problems(config["data"]["on_bad_row"] or "raise")
        for examples, numbers in stored.assembly.source.unlabelled(config["input"], bad):
            rows = sorted([*((number, None) for number in numbers), *bad.found.items()], key=itemgetter(0))
            bad.found.clear()
            others = {place: unanswered(problem) for place, (_, problem) in enumerate(rows) if problem is not None}
            yield Asked(examples, others)
        if bad.found:  # behind the last row that can be answered
            yield Asked(None, dict(enumerate(map(unanswered, bad.found.values()))))
        return
    split = build.other_split(stored.config, stored.assembly.source, config["input"], "test", config["trust"])
    if not isinstance(split, Examples):
        raise DataError(f"input={config['input']} holds no test split; give one input a line, in a .txt file")
    yield Asked(split)


class Problems(BadRows):
    """Bad rows, of which what is wrong is kept. found: by line or row, until someone takes it."""

    def __init__(self, on_bad_row: str) -> None:
        super().__init__(on_bad_row)
        self.found: dict[int, str] = {}

    def __call__(self, file: Any, number: int, problem: str, unit: str = "line") -> None:
        """Keep it. Raises DataError where bad rows are not to be skipped."""
        super().__call__(file, number, problem, unit)
        self.found[number] = f"{place(file, number, unit)}: {problem}"


def _lines(stored: StoredRun, config: dict[str, Any]) -> Iterator[Asked]:
    """A block of lines at a time, so that a pipe is answered as it is fed; a blank one has an answer too."""
    path, skip = config["input"], config["data"]["on_bad_row"] == "skip"
    read, where = stored.assembly.source.read_inputs, path or "standard input"
    problems: dict[int, str] = {}
    for lines, first in blocks(path, problems if skip else None):
        kept = [line for line in lines if line.strip()]
        blank = {place: unanswered() for place, line in enumerate(lines) if not line.strip()}
        blank |= {number - first: unanswered(problem) for number, problem in problems.items()}
        problems.clear()
        if len(kept) == len(lines) and not skip:  # whatever is wrong is said with its line
            yield Asked(read(kept, where, first))
            continue
        try:
            yield Asked(read(kept, where, first) if kept else None, blank)
        except DataError:
            for row, line in enumerate(lines):
                try:
                    yield Asked(None, {0: blank[row]}) if row in blank else Asked(read([line], where, first + row))
                except DataError as error:
                    if not skip:
                        raise
                    yield Asked(None, {0: unanswered(str(error))})


def predictions(answer: Answer, asked: Asked, size: int, before: int) -> Iterator[dict[str, Any]]:
    """One answer a row, in the order of the rows, computed in batches of rows of like length.

    before: how many rows were read before these.
    """
    answers, places, examples = dict(asked.others), asked.places, asked.examples
    if examples is not None:
        lengths = examples.lengths if examples.source is None else examples.source.lengths
        for rows in torch.split(torch.argsort(lengths, stable=True), size):
            here = [places[row] for row in rows.tolist()]
            found = answer(examples.batch(rows), [before + row for row in here])
            answers |= dict(zip(here, found, strict=True))
    yield from (answers[row] for row in range(asked.rows))


def _answer(stored: StoredRun, config: dict[str, Any], write: Writer | None) -> Answer:
    """What answers a batch: the task or, of a run that writes, its decoder. Raises ConfigurationError."""
    if write is None:
        for option in ("prefix", "attention_maps"):
            if config[option] is not None:
                raise ConfigurationError(f"{option}: run={config['run']} does not write step by step: leave it out")
        return lambda batch, _: _judged(stored, batch)
    prefix = beginning(stored, "prefix", config["prefix"] or "")
    folder = None if config["attention_maps"] is None else _folder(stored, config["attention_maps"])

    def answer(batch: Batch, places: list[int]) -> list[dict[str, Any]]:
        found = _continued(write, batch, prefix) if batch.source is None else write(batch, prefix)
        if folder is not None:
            _draw(stored, batch, found, [folder / f"{place + 1:04}.png" for place in places])
        return write.rows(found)

    return answer


def _judged(stored: StoredRun, batch: Batch) -> list[dict[str, Any]]:
    moved = batch.to(stored.precision.device)
    with evaluating(stored.assembly.model), stored.precision.autocast():
        found: list[dict[str, Any]] = stored.assembly.task.predictions(stored.assembly.model(moved, None), moved)
    if getattr(stored.assembly.source, "forecasts", False):  # what follows a row, not each of its steps
        return [{key: value[-1] for key, value in row.items()} for row in found]
    return found


def _continued(write: Writer, batch: Batch, prefix: list[int]) -> Found:
    """Where there is no source a row read is the beginning of what is written."""
    found: list[list[Hypothesis]] = []
    for row, length in enumerate(batch.lengths.tolist()):
        one = batch.map(lambda tensor, row=row: tensor[row : row + 1])  # type: ignore[misc]
        found += list(write(one, [*prefix, *batch.inputs[row, 1:length].tolist()]))  # tokens: numbers have a source
    return found


# ------------------------------------------------------------------------------------- attention as pictures


def _folder(stored: StoredRun, name: str) -> Path:
    """The folder for pictures, made. Raises ConfigurationError where there is nothing to draw."""
    if getattr(stored.assembly.model, "attention", None) is None or stored.assembly.source.writing.end is None:
        raise ConfigurationError(
            f"attention_maps={name}: this run has no attention to words, so there is nothing to draw: leave it out"
        )
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"attention_maps={name} cannot be made: {error.strerror}") from error
    return folder


def _draw(stored: StoredRun, batch: Batch, found: Found, paths: list[Path]) -> None:
    from seqnet.observers import attention_picture

    assert isinstance(found, list)
    maps = attention_maps(stored.assembly, stored.precision, batch, found)
    for path, one in zip(paths, maps, strict=True):
        try:
            attention_picture.save(path, one)
        except OSError as error:
            raise DiskError(f"{path} cannot be written: {error.strerror}; free some space") from error
