"""The user's own sequences of numbers, with a class or numbers to be told of each row or of each step."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples, Ragged
from seqnet.data.numbers import (
    brief,
    read_json,
    read_rows,
    show_steps,
    steps,
    unasked_rows,
    unasked_steps,
    vector,
    vectors,
)
from seqnet.errors import ConfigurationError, DataError, did_you_mean
from seqnet.spaces import Space, Tokens, Vector

WHAT_GOES_THERE = (
    'put train.jsonl, valid.jsonl and test.jsonl there, one row a line such as {"inputs": [[0.1, 2], [0.3, 4]], '
    '"target": "a label"}, or name your folder with data.path='
)
Answer = str | list[float]
Row = tuple[Tensor, list[Answer]]  # inputs [time width]; one answer, or one a step


@dataclass(frozen=True)
class Form:
    """What all rows have in common."""

    width: int  # numbers a step
    each_step: bool  # "targets", one a step, in place of one "target"
    size: int | None  # numbers a target; None = labels


class Sequences:
    """A folder with train.jsonl, valid.jsonl and test.jsonl, one JSON object a line.

    "inputs" is a list of steps, each a number or a list of numbers. "target" is asked of the whole row: a
    label (a string) for classification, a number or a list of numbers for regression; "targets" in its place
    is a list of such, one a step. Labels are those of the training split.
    """

    inputs: Space
    targets: Space

    def __init__(self, data_dir: str | Path, path: str | Path | None = None, on_bad_row: str = "raise") -> None:
        if on_bad_row not in ("raise", "skip"):
            raise ConfigurationError(f"data.on_bad_row must be raise or skip, not '{on_bad_row}'")
        self.path = Path(data_dir) / "sequences" if path is None else Path(path)
        self.skip = on_bad_row == "skip"
        self.views: dict[str, Space] = {}
        self.bad_rows = 0
        self._form: Form | None = None
        self._labels: tuple[str, ...] | None = None
        self._examples: dict[str, Examples] = {}

    def fit(self) -> None:
        """Learn the rows' form and the labels from the training split. Raises DataError."""
        rows = self._read("train")
        assert self._form is not None  # _read raises where there is no row to take it from
        if self._form.size is None:
            self._labels = tuple(sorted({str(answer) for _, answers in rows for answer in answers}))
        self._know(self._form)
        self._examples["train"] = self._encode(rows, self._form)

    def _know(self, form: Form) -> None:
        self.inputs = Vector(form.width)
        self.targets = Tokens(self._labels or ()) if form.size is None else Vector(form.size)

    def state(self) -> dict[str, Any]:
        """The rows' form, and the labels (None where targets are numbers)."""
        assert self._form is not None
        return {**asdict(self._form), "labels": None if self._labels is None else list(self._labels)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave. Raises DataError where it is malformed."""
        try:
            form = Form(**{key: value for key, value in state.items() if key != "labels"})
            labels = state["labels"]
            well_formed = (
                type(form.width) is int
                and form.width > 0
                and type(form.each_step) is bool
                and (type(form.size) is int and form.size > 0 if labels is None else form.size is None)
                and (labels is None or (type(labels) is list and all(isinstance(label, str) for label in labels)))
            )
        except (TypeError, KeyError) as error:
            raise DataError(f"the stored data state is not that of numeric sequences ({error})") from error
        if not well_formed:
            raise DataError(f"the stored data state is not that of numeric sequences: {brief(state)}")
        self._form = form
        self._labels = None if labels is None else tuple(labels)
        self._know(form)

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`, read once. Raises DataError with file and line."""
        if name not in self._examples:
            rows = self._read(name)
            assert self._form is not None
            self._examples[name] = self._encode(rows, self._form)
        return self._examples[name]

    def _read(self, name: str) -> list[Row]:
        path = self.path / f"{name}.jsonl"
        if not path.is_file():
            raise DataError(f"{path} does not exist: {WHAT_GOES_THERE}")
        rows = []
        with path.open("rb") as file:
            for line, raw in enumerate(file, 1):
                where = f"{path}, line {line}"
                try:
                    rows.append(self._row(raw, where))
                except DataError:
                    if not self.skip:
                        raise
                    self.bad_rows += 1
        if not rows:
            raise DataError(f"{path}: no usable row")
        return rows

    def _row(self, raw: bytes, where: str) -> Row:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: not UTF-8 text") from error
        value = read_json(text, where)
        form = self._form or form_of(value, where)
        row = read_row(value, form, where)
        labels = self._labels
        if labels is not None:
            for answer in row[1]:
                if answer not in labels:
                    hint = did_you_mean(str(answer), labels)
                    raise DataError(f"{where}: label {brief(answer)} is not in train.jsonl{hint}")
        self._form = form
        return row

    def _encode(self, rows: list[Row], form: Form) -> Examples:
        inputs = Ragged.of([steps for steps, _ in rows])
        answers = [answer for _, answers in rows for answer in answers]
        if self._labels is None:
            targets = torch.tensor(answers, dtype=torch.float32)
        else:
            places = {label: place for place, label in enumerate(self._labels)}
            targets = torch.tensor([places[str(answer)] for answer in answers])
        return Examples(inputs, Ragged(targets, inputs.offsets) if form.each_step else targets)

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of steps, or an object with "inputs" as in training. Raises DataError."""
        form = self._form
        assert form is not None

        def read(value: Any, place: str) -> Tensor:
            return vectors(value.get("inputs") if isinstance(value, dict) else value, form.width, place)

        inputs = read_rows(lines, where, first, read, torch.zeros(0, form.width))
        return unasked_steps(inputs, form.size) if form.each_step else unasked_rows(inputs, form.size)

    def show(self, inputs: Tensor) -> str:
        """The first steps. inputs: [time feature]."""
        return show_steps(inputs)


def form_of(value: Any, where: str) -> Form:
    """The form of a row. Raises DataError where it has none."""
    if not isinstance(value, dict) or "inputs" not in value or ("target" in value) == ("targets" in value):
        raise DataError(f'{where}: {brief(value)} is not an object with "inputs" and either "target" or "targets"')
    first = steps(value["inputs"], where)[0]
    each_step = "targets" in value
    answer = steps(value["targets"], f"{where}, targets")[0] if each_step else value["target"]
    width = len(first) if isinstance(first, list) else 1
    size = None if isinstance(answer, str) else len(answer) if isinstance(answer, list) else 1
    if width == 0 or size == 0:
        raise DataError(f"{where}: an empty list where there must be numbers")
    return Form(width, each_step, size)


def read_row(value: Any, form: Form, where: str) -> Row:
    """A row's inputs and answers. Raises DataError where it is not of the form."""
    key = "targets" if form.each_step else "target"
    if not isinstance(value, dict) or "inputs" not in value or key not in value:
        raise DataError(f'{where}: {brief(value)} is not an object with "inputs" and "{key}"')
    inputs = vectors(value["inputs"], form.width, where)
    if not form.each_step:
        return inputs, [read_answer(value["target"], form, f"{where}, target")]
    answers = steps(value["targets"], f"{where}, targets")
    if len(answers) != len(inputs):
        raise DataError(f"{where}: {len(answers)} targets for {len(inputs)} steps")
    return inputs, [read_answer(one, form, f"{where}, target {place}") for place, one in enumerate(answers, 1)]


def read_answer(value: Any, form: Form, where: str) -> Answer:
    """A label, or numbers. Raises DataError."""
    if form.size is not None:
        return vector(value, form.size, where)
    if not isinstance(value, str):
        raise DataError(f"{where}: {brief(value)} is not a label (a string), as in the first row")
    return value
