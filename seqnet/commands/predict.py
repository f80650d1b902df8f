"""`seqnet predict`: what a trained run says of new inputs, a line for each: words on a terminal, JSON elsewhere."""

import heapq
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from seqnet import build
from seqnet.batch import Batch
from seqnet.commands.answers import Answers, format_of, told
from seqnet.commands.elsewhere import read, reads
from seqnet.commands.entities import with_spans
from seqnet.commands.failures import explained
from seqnet.commands.forecasting import Forecaster, forecasts
from seqnet.commands.lines import blocks, in_words
from seqnet.commands.pictures import Album, album, of_predicted, of_written
from seqnet.commands.stored import StoredRun, load
from seqnet.commands.words import Words, screen
from seqnet.commands.writing import Found, Writer, asked_writer, beginning, decoded
from seqnet.data.dataset import Dataset
from seqnet.data.examples import Examples
from seqnet.data.files import BadRows, lines_of, place
from seqnet.data.formats.format import Format
from seqnet.data.formats.jsonl import Jsonl
from seqnet.data.formats.opening import Beside
from seqnet.data.numbers import parse
from seqnet.data.read import Read, ReadFile
from seqnet.data.tally import ASKED
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import BIO, Axis
from seqnet.progress import Reached, progress, watched
from seqnet.terminal import standard_output, warn
from seqnet.training.evaluation import evaluating

TRAINING_FORMATS = (".tsv", ".csv", ".conll", ".parquet", ".json")
VALUE = re.compile(r'[\["\d-]')  # begins a list, a text or a number of JSON
WITH_INPUTS = re.compile(r'\{.*"inputs"\s*:')  # a line that `read_inputs` takes as it is, targets or not

Answer = Callable[[Batch, list[int]], list[dict[str, Any]]]
"""A line of JSON for each row of a batch; the rows' places among all that are read are told too."""


def run(config: dict[str, Any]) -> int:
    """Read lines, or a file in the training format; write answers beside what was read; the exit code."""
    words = in_words(config)
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    path = config["input"]
    source, task = stored.assembly.source, stored.assembly.task
    ahead = forecasts(source)
    format = format_of(config["output"], source, path)
    refuse_without_effect(config, stored, format)
    decoder = asked_writer(config, stored)
    answer = answering(stored, config, decoder)
    with explained(stored.config, config, rows="data.batch_size"):
        inputs = inputs_of(stored, config)
        answers = Answers(
            format=_alike(format or Jsonl(), inputs.format),
            names=inputs.names,
            target=source.target_column if isinstance(source, Dataset) else "prediction",
            by_step=decoder is None and task.target_axis is Axis.STEP and not ahead,
            ahead=ahead,
            with_errors=config["data"]["on_bad_row"] == "skip",
            n_best=1 if decoder is None else decoder.decoding.get("n_best", 1),
        )
        shown = _words(stored, config, answers, decoder) if words else None
        some = False
        with told(config["output"], answers, shown) as tell:
            bar = _bar_fits(config, words)
            lines = lines_of(Path(path)) if path and bar and watched() else None
            with progress("answering", lines, "rows", shown=bar) as reached:
                for rows in answered(stored, config, answer, inputs.asked, reached):
                    tell(rows)
                    some |= bool(rows)
    if decoder is not None and some and not (config["verbose"] and answers.format.written == "objects"):
        warn(decoded(decoder.description))
    if answers.n_best > 1 and answers.format.written not in ("objects", "cells"):
        warn(f"decoding.n_best={answers.n_best}: such a file has the best answer alone, .jsonl and .csv all of them")
    for note in notes_of(source, decoder):
        warn(note)
    return 0


def _bar_fits(config: dict[str, Any], words: bool) -> bool:
    """Whether a bar would stand by itself: answers go elsewhere, and no one types what is read."""
    typed = config["input"] is None and (sys.stdin is None or sys.stdin.isatty())
    return not words and not typed and (config["output"] is not None or not standard_output().isatty())


def _words(stored: StoredRun, config: dict[str, Any], answers: Answers, decoder: Writer | None) -> Words:
    """What shows the answers to a person."""
    source = stored.assembly.source
    tags = source.target_kind is not None and BIO in source.target_kind.traits
    return Words(screen(), answers.by_step, tags, decoder is None, config["verbose"])


def answered(
    stored: StoredRun,
    config: dict[str, Any],
    answer: Answer,
    asked: Iterable["Asked"],
    reached: Reached = lambda line: None,
) -> Iterator[list[tuple[Read, dict[str, Any]]]]:
    """What was read of some rows after the other, and their answers. reached: is told up to which line."""
    source, before, line = stored.assembly.source, 0, 0
    size = config["data"]["batch_size"] or stored.config["data"]["batch_size"]
    for one in asked:
        last = one.read[-1].number if one.read else line

        def done(rows: int, line: int = line, last: int = last, of: int = one.rows) -> None:
            reached(line + (last - line) * rows / of)

        found = zip(one.read, predictions(answer, one, size, before, done), strict=True)
        yield [(read, as_told(source, read, each, config["spans"])) for read, each in found]
        before, line = before + one.rows, last


def notes_of(source: Any, decoder: Writer | None) -> list[str]:
    """Sentences on what was read and what was written."""
    of_source = source.remarks([ASKED]) if isinstance(source, Dataset) else []
    return [*of_source, *(decoder.notes if decoder is not None else ())]


def as_told(source: Any, read: Read, answer: dict[str, Any], spans: bool) -> dict[str, Any]:
    """An answer with the entities that its tags say, where `spans`, and what is predicted as its column is written."""
    found = with_spans(read, answer) if spans else answer
    if not isinstance(source, Dataset) or found["prediction"] is None:
        return found
    return {**found, "prediction": source.told(found["prediction"])}  # BIO tags as those of the file's scheme


def _alike(written: Format, read: Format | None) -> Format:
    """The format that is written, as the file is that is read, where that is of the same."""
    return read if read is not None and type(read) is type(written) else written


def refuse_without_effect(config: dict[str, Any], stored: StoredRun, format: Format | None) -> None:
    """Raises ConfigurationError for an option of what is told that this run, or this file, has none of."""
    for option in ("probabilities", "spans"):
        if config[option] and format is not None and format.written in ("steps", "records", "answers"):
            raise ConfigurationError(
                f"{option}=true: of an answer only what is predicted stands in output={config['output']}; choose a "
                ".jsonl or a .csv"
            )
    if config["data"]["on_bad_row"] == "skip" and format is not None and format.written == "steps":
        raise ConfigurationError(
            f"data.on_bad_row=skip: a sentence that cannot be read has no lines in output={config['output']}; choose a "
            ".jsonl, or leave it out"
        )
    if config["probabilities"] and not callable(getattr(stored.assembly.objective, "probabilities", None)):
        name = stored.config["groups"].get("objective")
        raise ConfigurationError(
            f"probabilities=true: objective={name} has no classes that it tells them of: leave it out"
        )
    if config["probabilities"] and not hasattr(stored.assembly.task, "predictions"):
        raise ConfigurationError("probabilities=true: this run writes step by step, and tells none: leave it out")
    kind = stored.assembly.source.target_kind
    if config["spans"] and (kind is None or BIO not in kind.traits):
        raise ConfigurationError("spans=true: this run's answers are no BIO tags, so there are no spans: leave it out")


@dataclass(frozen=True)
class Asked:
    """Some rows that were read. examples: those to be answered; others: by place, the answer to one that cannot be."""

    read: Sequence[Read]
    examples: Examples | None
    others: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.read)

    @property
    def places(self) -> list[int]:
        """Where those that can be answered stand."""
        return [place for place in range(self.rows) if place not in self.others]


@dataclass(frozen=True)
class Inputs:
    """All that is read. names: of its columns, where they are known; format: that of the file, where it has one."""

    asked: Iterator[Asked]
    names: tuple[str, ...] | None = None
    format: Format | None = None


def unanswered(problem: str | None = None) -> dict[str, Any]:
    """The answer to a row that is blank, or of which something is wrong."""
    return {"prediction": None, "score": None, **({} if problem is None else {"error": problem})}


def in_training_format(path: Path) -> bool:
    """Whether a file holds inputs with their targets, as for training of what is drawn, not one input a line."""
    if path.suffix == ".jsonl":
        first = _first_line(path)
        return first.startswith("{") and WITH_INPUTS.match(first) is None
    return path.suffix in TRAINING_FORMATS


def _first_line(path: Path) -> str:
    """The first line of a file of JSON that is not blank; "" where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as lines:
        texts = (line.decode("utf-8-sig", "replace").strip() for line in lines)
        return next(filter(None, texts), "")


def inputs_of(stored: StoredRun, config: dict[str, Any]) -> Inputs:
    """What `input` names, or standard input. Raises ConfigurationError and DataError."""
    path = config["input"]
    return _table(stored, config) if path and _is_table(stored, Path(path)) else _lines(stored, config)


def _is_table(stored: StoredRun, path: Path) -> bool:
    """Whether a file is read as those of training are.

    A .txt is one raw text a line unless the run's format says otherwise, or a look at it shows all columns of several
    inputs, as in a story with its questions. A .jsonl holds a value a line where its first is a list, text or number.
    """
    if not isinstance(stored.assembly.source, Dataset):
        return in_training_format(path)
    if path.suffix.lower() == ".txt":
        told: bool = stored.config["groups"].get("data/format") not in (None, "auto", "text", "lines")
        return told or (path.is_file() and stored.assembly.source.shows_inputs(path))
    if path.suffix == ".jsonl":
        first = _first_line(path)
        return first != "" and VALUE.match(first) is None
    return True


def _table(stored: StoredRun, config: dict[str, Any]) -> Inputs:
    if isinstance(stored.assembly.source, Dataset):
        bad = Problems(config["data"]["on_bad_row"] or "raise")
        with reads("input="):
            found = stored.assembly.source.unlabelled(config["input"], bad)
        return Inputs(_rows(found, bad), found.names, found.format)
    if "path" not in stored.config["data"]:
        kind = stored.config["data"]["_target_"].rpartition(".")[2]
        raise ConfigurationError(
            f"input={config['input']}: this run was trained on {kind}, which is made and has no such files: give one "
            "input a line, in a .jsonl or .txt file"
        )
    split, _ = build.other_split(stored.config, stored.assembly.source, config["input"], "test", config["trust"])
    if not isinstance(split, Examples):
        raise DataError(f"input={config['input']} holds no test split; give one input a line, in a .txt file")
    return Inputs(iter([Asked([Read(number, {}) for number in range(1, len(split) + 1)], split)]))


def _rows(found: ReadFile, bad: "Problems") -> Iterator[Asked]:
    """The rows of a table, those too of which something is wrong, where they stand."""
    for block in read(found.blocks, "input="):
        together = any(one.rows for one in block.read)  # sequences of rows, all of which are in this block
        files = {str(block.file), *(map(str, block.file.files) if isinstance(block.file, Beside) else ())}
        if not together and (before := bad.taken([one for one in bad.found if one[0] not in files])):
            yield _unread(before)
        last = math.inf if together else max((one.number for one in block.read), default=0)
        problems = bad.taken([one for one in bad.found if one[1] <= last])  # others were found while reading ahead
        answered, there = set(block.answered), block.read
        unread = problems.keys() - {one.number for one in there}
        rows = list(heapq.merge(there, (Read(number, {}) for number in sorted(unread)), key=lambda one: one.number))
        others = {
            place: unanswered(problems.get(one.number)) for place, one in enumerate(rows) if one.number not in answered
        }
        yield Asked(rows, block.examples, others)
    if behind := bad.taken([*bad.found]):
        yield _unread(behind)


def _unread(problems: Mapping[int, str]) -> Asked:
    """Rows of a file behind its last one that could be read."""
    return Asked([Read(number, {}) for number in problems], None, dict(enumerate(map(unanswered, problems.values()))))


class Problems(BadRows):
    """Bad rows, of which what is wrong is kept. found: by file, and line or row, until someone takes it."""

    def __init__(self, on_bad_row: str) -> None:
        super().__init__(on_bad_row)
        self.found: dict[tuple[str, int], str] = {}

    def __call__(self, file: Any, number: int, problem: str, unit: str = "line", at: int | None = None) -> None:
        """Keep it. Raises DataError where bad rows are not to be skipped."""
        super().__call__(file, number, problem, unit, at)
        self.found[str(file), number] = f"{place(file, number if at is None else at, unit)}: {problem}"

    def taken(self, chosen: Iterable[tuple[str, int]]) -> dict[int, str]:
        """What is wrong with some, by number; it is kept no longer."""
        return {one[1]: self.found.pop(one) for one in chosen}


def _lines(stored: StoredRun, config: dict[str, Any]) -> Inputs:
    names = [*stored.assembly.source.input_kinds]
    name = names[0] if len(names) == 1 else "input"  # what a line is called where the data has no columns
    path, skip = config["input"], config["data"]["on_bad_row"] == "skip"
    source, where = stored.assembly.source, path or "standard input"

    def as_read(line: str, number: int) -> Read:
        if not isinstance(source, Dataset):
            return Read(number, {name: said(line)}, line)
        if number == 1 and source.is_header(line):
            warn(
                f"{where}, line 1 is the header of the training file and is answered as any other: {where} is read as "
                "one input a line; name a table with input=, such as new.csv"
            )
        return source.as_read(line, number)

    problems: dict[int, str] = {}
    read = blocks(path, problems if skip else None)
    return Inputs(asked_of(read, where, source.read_inputs, as_read, skip, problems))


def asked_of(
    blocks: Iterable[tuple[Sequence[Any], int]],
    where: str,
    read_inputs: Callable[[Sequence[Any], str, int], Examples],
    as_read: Callable[[Any, int], Read],
    skip: bool,
    problems: dict[int, str],
) -> Iterator[Asked]:
    """A block of lines, or of values, at a time, so that a pipe is answered as it is fed; a blank has an answer too.

    blocks: each with the number of its first. read_inputs, as_read: what the source makes of lines, or of values.
    problems: what is wrong with some by their numbers, filled as they are read; taken out. Raises DataError.
    """
    for lines, first in blocks:
        kept = [line for line in lines if not _is_blank(line)]
        blank = {place: unanswered() for place, line in enumerate(lines) if _is_blank(line)}
        blank |= {number - first: unanswered(problem) for number, problem in problems.items()}
        problems.clear()
        told_lines = [as_read(line, number) for number, line in enumerate(lines, first)]
        if len(kept) == len(lines) and not skip:  # whatever is wrong is said with its line
            yield Asked(told_lines, read_inputs(kept, where, first))
            continue
        try:
            yield Asked(told_lines, read_inputs(kept, where, first) if kept else None, blank)
        except DataError:
            for row, line in enumerate(lines):
                here = told_lines[row : row + 1]
                try:
                    examples = None if row in blank else read_inputs([line], where, first + row)
                    yield Asked(here, examples, {0: blank[row]} if row in blank else {})
                except DataError as error:
                    if not skip:
                        raise
                    yield Asked(here, None, {0: unanswered(str(error))})


def _is_blank(line: Any) -> bool:
    return isinstance(line, str) and not line.strip()


def said(line: str) -> Any:
    """The list or object of JSON that a line is, or else its text."""
    try:
        found = parse(line)
    except (ValueError, RecursionError):
        return line
    return found if isinstance(found, list | dict) else line


def predictions(
    answer: Answer, asked: Asked, size: int, before: int, done: Callable[[int], None] = lambda rows: None
) -> Iterator[dict[str, Any]]:
    """One answer a row, in the order of the rows, computed in batches of rows of like length.

    before: how many rows were read before these. done: is told how many of them have an answer.
    """
    answers, places, examples = dict(asked.others), asked.places, asked.examples
    if examples is not None:
        lengths = examples.lengths if examples.source is None else examples.source.lengths
        for rows in torch.split(torch.argsort(lengths, stable=True), size):
            here = [places[row] for row in rows.tolist()]
            found = answer(examples.batch(rows), [before + row for row in here])
            answers |= dict(zip(here, found, strict=True))
            done(len(answers))
    yield from (answers[row] for row in range(asked.rows))


def answering(stored: StoredRun, config: dict[str, Any], write: Writer | None) -> Answer:
    """What answers a batch: the task or, of a run that writes, its decoder. Raises ConfigurationError."""
    if config["prefix"] is not None and write is None:
        raise ConfigurationError(f"prefix: run={config['run']} does not write step by step: leave it out")
    ahead = write is None and forecasts(stored.assembly.source)
    if config["horizon"] is not None and not ahead:
        raise ConfigurationError(f"horizon: run={config['run']} does not forecast a series: leave it out")
    drawn = album(config["pictures"], stored.assembly)
    if write is not None:
        return _written(stored, config, write, drawn)
    if ahead and (config["horizon"] is not None or drawn is not None):
        return _forecast(stored, config, drawn)

    def answer(batch: Batch, places: list[int]) -> list[dict[str, Any]]:
        found = _judged(stored, batch, config["probabilities"])
        if drawn is not None:
            drawn.add_rows(places, of_predicted(stored.assembly, batch, found))
        return found

    return answer


def _written(stored: StoredRun, config: dict[str, Any], write: Writer, drawn: Album | None) -> Answer:
    prefix = beginning(stored, "prefix", config["prefix"] or "")

    def answer(batch: Batch, places: list[int]) -> list[dict[str, Any]]:
        found = _continued(write, batch, prefix) if batch.source is None else write(batch, prefix)
        if drawn is not None:
            drawn.add_rows(places, of_written(stored.assembly, stored.precision, batch, found, prefix))
        more = {"decoding": write.description} if config["verbose"] else {}
        return [{**row, **more} for row in write.rows(found)]

    return answer


def _forecast(stored: StoredRun, config: dict[str, Any], drawn: Album | None) -> Answer:
    """What answers where a forecast is made further, or drawn. Raises ConfigurationError."""
    steps = config["horizon"] or stored.assembly.source.horizon
    forecaster = Forecaster(stored.assembly, stored.precision, stored.config, steps, config["trust"])

    def answer(batch: Batch, places: list[int]) -> list[dict[str, Any]]:
        found, seen = forecaster(batch)
        if drawn is not None:
            drawn.add_rows(places, [[one] for one in seen])
        for note in forecaster.notes:
            warn(note)
        forecaster.notes.clear()
        return found

    return answer


def _judged(stored: StoredRun, batch: Batch, probabilities: bool) -> list[dict[str, Any]]:
    moved = batch.to(stored.precision.device)
    with evaluating(stored.assembly.model), stored.precision.autocast():
        options = {"probabilities": True} if probabilities else {}  # which a task of one's own need not know
        output = stored.assembly.model(moved, None)
        found: list[dict[str, Any]] = stored.assembly.task.predictions(output, moved, **options)
    if forecasts(stored.assembly.source):  # what follows a row, not each of its steps
        return [{key: value[-1] for key, value in row.items()} for row in found]
    return found


def _continued(write: Writer, batch: Batch, prefix: list[int]) -> Found:
    """Where there is no source a row read is the beginning of what is written."""
    found: list[list[Hypothesis]] = []
    for row, length in enumerate(batch.lengths.tolist()):
        one = batch.map(lambda tensor, row=row: tensor[row : row + 1])  # type: ignore[misc]
        found += list(write(one, [*prefix, *batch.inputs[row, 1:length].tolist()]))  # tokens: numbers have a source
    return found
