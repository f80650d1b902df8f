"""The user's own sequences of numbers, with a class or numbers to be told of each row or of each step."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqnet.data.examples import Examples, Ragged
from seqnet.data.files import BadRows, EncodedSplits, File, OnBadRow, find_files, never_seen, read_jsonl
from seqnet.data.numbers import brief, read_rows, show_steps, steps, unasked_rows, unasked_steps, vector, vectors
from seqnet.data.vocabulary import restore_names
from seqnet.errors import DataError
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import Dropout, FilePath, FolderName, NotEmpty, SomeShare
from seqnet.spaces import Space, Tokens, Vector

WHAT_GOES_THERE = (
    'put train.jsonl, valid.jsonl and test.jsonl there, one row a line such as {"inputs": [[0.1, 2], [0.3, 4]], '
    '"target": "a label"}, or name your own file or folder with data.path='
)


class Form(NamedTuple):
    """What all rows have in common."""

    width: int  # numbers a step
    each_step: bool  # "targets", one a step, in place of one "target"
    size: int | None  # numbers a target; None = labels


class Row(NamedTuple):
    """A row, and where it was read."""

    file: File
    number: int
    inputs: Tensor  # [time width]
    answers: list[Any]  # labels or lists of numbers: one, or one a step


class Sequences:
    """What is to be told of a sequence of numbers? JSONL, an object a line.

    "inputs" is a list of steps, each a number or a list of numbers. "target" is asked of the whole row: a
    label (a string) for classification, a number or a list of numbers for regression; "targets" in its place
    is a list of such, one a step. The first row of the training file shows which. Labels are those of the
    training split. path: a file, or a folder with train, valid (or dev) and test files; None for the folder
    `name` under `data_dir`; about: what to put there. A split without a file of its own is a share of the
    training rows, drawn by the seed. Raises ConfigurationError.
    """

    input_kinds = {"inputs": Kind(Item.NUMBER, Axis.STEP)}
    target_kind: Kind | None = None  # which the first row shows
    inputs: Vector
    targets: Tokens | Vector

    def __init__(
        self,
        seed: int,
        data_dir: str | Path,
        path: FilePath | None = None,
        name: FolderName | None = "sequences",
        about: NotEmpty | None = None,
        valid_share: SomeShare = 0.1,
        test_share: Dropout = 0.1,
        on_bad_row: OnBadRow = "raise",
    ) -> None:
        self.bad = BadRows(on_bad_row)
        self.views: dict[str, Space] = {}
        where = str(Path(data_dir) / str(name) if path is None else path)
        find = partial(find_files, path, data_dir, name, about or WHAT_GOES_THERE, (".jsonl",), hub=False)
        self._splits = EncodedSplits(where, find, self._read, self._encode, seed, valid_share, test_share)
        self._form: Form | None = None

    @property
    def bad_rows(self) -> int:
        """How many rows were left out."""
        return self.bad.count

    def fit(self) -> None:
        """Learn the rows' form and the labels from the training split. Raises DataError with file and line."""
        self._splits.fit(self._learn)

    def _learn(self, rows: list[Row]) -> None:
        assert self._form is not None  # of the first row
        labels = {answer for row in rows for answer in row.answers} if self._form.size is None else ()
        self._know(self._form, tuple(sorted(labels)))

    def _know(self, form: Form, labels: tuple[str, ...]) -> None:
        self._form = form
        self.inputs = Vector(form.width)
        self.targets = Tokens(labels) if form.size is None else Vector(form.size)
        item = Item.LABEL if form.size is None else Item.NUMBER
        self.target_kind = Kind(item, Axis.STEP if form.each_step else Axis.ROW)

    def state(self) -> dict[str, Any]:
        """The rows' form, and the labels (None where targets are numbers)."""
        assert self._form is not None
        return {**self._form._asdict(), "labels": list(self.targets.names) or None}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        match state:
            case {"width": int(width), "each_step": bool(each_step), "size": None, "labels": list(labels)} if width > 0:
                self._know(Form(width, each_step, None), restore_names(labels, "labels"))
            case {"width": int(width), "each_step": bool(each_step), "size": int(size), "labels": None} if (
                width > 0 and size > 0
            ):
                self._know(Form(width, each_step, size), ())
            case _:
                raise DataError(f"the stored data state is not that of numeric sequences: {brief(state)}")

    def split(self, name: str) -> Examples | None:
        """The rows of `train`, `valid` or `test`; None where there is no such split. Raises DataError."""
        return self._splits.examples(name)

    def _read(self, files: list[File]) -> list[Row]:
        rows = []
        for file in files:
            assert isinstance(file, Path)
            for number, row in read_jsonl(file, self.bad):
                try:
                    self._form, inputs, answers = read_row(row, self._form)
                    rows.append(Row(file, number, inputs, answers))
                except DataError as error:
                    self.bad(file, number, str(error))
            if not rows:
                raise DataError(f"{file}: no row that can be used; name a file that has some with data.path=")
        return rows

    def _encode(self, rows: list[Row]) -> Examples:
        form = self._form
        assert form is not None
        places = {label: place for place, label in enumerate(self.targets.names)}  # none where targets are numbers
        kept, targets = [], list[Any]()
        for row in rows:
            strange = [answer for answer in row.answers if places and answer not in places]
            if strange:
                self.bad(row.file, row.number, never_seen("label", strange[0], self.targets.names))
                continue
            kept.append(row.inputs)
            targets += [places[answer] for answer in row.answers] if places else row.answers
        if not kept:
            raise DataError(f"{rows[0].file}: no row that can be used; name a file that has some with data.path=")
        inputs, flat = Ragged.of(kept), torch.tensor(targets)
        return Examples(inputs, Ragged(flat, inputs.offsets) if form.each_step else flat)

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


def read_row(row: dict[str, Any], form: Form | None) -> tuple[Form, Tensor, list[Any]]:
    """The form, which is the row's own where none is given, inputs and answers. Raises DataError where they differ."""
    each_step = "targets" in row
    if "inputs" not in row or each_step == ("target" in row):
        raise DataError(f'{brief(row)} must have "inputs" and either "target" or "targets"')
    key = "targets" if each_step else "target"
    answers = steps(row[key], key) if each_step else [row[key]]
    if form is None:
        width = width_of(steps(row["inputs"], "inputs")[0])
        form = Form(width, each_step, None if isinstance(answers[0], str) else width_of(answers[0]))
    if each_step != form.each_step:
        raise DataError(f'"{key}" where the first row has "{"target" if each_step else "targets"}"')
    inputs = vectors(row["inputs"], form.width, "inputs")
    if each_step and len(answers) != len(inputs):
        raise DataError(f"{len(answers)} targets for {len(inputs)} steps")
    read = label if form.size is None else partial(vector, width=form.size)
    where = "targets, step {}" if each_step else "target"
    return form, inputs, [read(answer, where=where.format(step)) for step, answer in enumerate(answers, 1)]


def width_of(value: Any) -> int:
    """How many numbers a step or target has, 1 at least; whether they are numbers is seen when they are read."""
    return len(value) or 1 if isinstance(value, list) else 1


def label(value: Any, where: str) -> str:
    """A label. Raises DataError where it is none."""
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {brief(value)} is not a label (a string), as in the first row")
    return value
