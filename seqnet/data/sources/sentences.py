"""Sentences (or any short texts), each with a label."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqnet.data.encoding import Level, TextEncoder, ragged
from seqnet.data.examples import Examples
from seqnet.data.files import (
    TABLES,
    BadRows,
    EncodedSplits,
    File,
    OnBadRow,
    check_columns,
    find_files,
    never_seen,
    read_table,
)
from seqnet.data.numbers import unasked_rows
from seqnet.data.running_text import read_texts
from seqnet.data.vocabulary import restore_names
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import Column, Count, Dropout, FilePath, FolderName, NotEmpty, SomeShare
from seqnet.spaces import Space, Tokens


class Sentence(NamedTuple):
    """A row, and where it was read."""

    file: File
    number: int
    text: str
    label: str


class Sentences:
    """Which label has a text? Rows of CSV, TSV, JSONL, parquet or a Hub data set.

    path: a file, a folder with train, valid (or dev) and test files, or a Hub name; None for the folder `name`
    under `data_dir`; about: what to put there. A split without a file of its own is a share of the training
    rows, drawn by the seed. text_column, label_column: names, or positions in a table without a header.
    Labels are those of the training split. level, lower, vocabulary_size, min_count: see TextEncoder.
    max_length: a row of more tokens is a bad row. Raises ConfigurationError.
    """

    input_kinds = {"inputs": Kind(Item.TOKEN, Axis.STEP)}
    target_kind = Kind(Item.LABEL, Axis.ROW)
    inputs: Tokens
    targets: Tokens

    def __init__(
        self,
        seed: int,
        data_dir: str | Path,
        path: FilePath | None = None,
        name: FolderName | None = None,
        about: NotEmpty | None = None,
        text_column: Column = "text",
        label_column: Column = "label",
        level: Level = "words",
        lower: bool = False,
        vocabulary_size: Count | None = None,
        min_count: Count = 1,
        max_length: Count | None = None,
        valid_share: SomeShare = 0.1,
        test_share: Dropout = 0.0,
        on_bad_row: OnBadRow = "raise",
    ) -> None:
        self.columns = {"text_column": text_column, "label_column": label_column}
        check_columns(self.columns)
        if max_length is not None and max_length < 1:
            raise ConfigurationError(f"data.max_length is {max_length}; it must be at least 1, or null for no limit")
        self.encoder = TextEncoder(level, lower, vocabulary_size, min_count)
        self.max_length = max_length
        self.bad = BadRows(on_bad_row)
        self.views: dict[str, Space] = {}
        where = str(Path(data_dir) / str(name) if path is None else path)
        find = partial(find_files, path, data_dir, name, about, TABLES)
        self._splits = EncodedSplits(where, find, self._read, self._encode, seed, valid_share, test_share)

    @property
    def bad_rows(self) -> int:
        """How many rows were left out."""
        return self.bad.count

    def fit(self) -> None:
        """Learn tokens and labels from the training split. Raises DataError with file and line."""
        self._splits.fit(self._learn)

    def _learn(self, rows: list[Sentence]) -> None:
        self.encoder.learn([row.text for row in rows])
        self._know(tuple(sorted({row.label for row in rows})))

    def _know(self, labels: tuple[str, ...]) -> None:
        self.inputs = Tokens(self.encoder.names)
        self.targets = Tokens(labels)

    def state(self) -> dict[str, Any]:
        """Tokens and labels."""
        return {"text": self.encoder.state(), "labels": list(self.targets.names)}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        if not isinstance(state, dict) or state.keys() != {"text", "labels"}:
            raise DataError("the stored data state is not that of labelled sentences: it lacks its text or its labels")
        self.encoder.restore(state["text"])
        self._know(restore_names(state["labels"], "labels"))

    def split(self, name: str) -> Examples | None:
        """The rows of `train`, `valid` or `test`; None where there is no such split. Raises DataError."""
        return self._splits.examples(name)

    def _read(self, files: list[File]) -> list[Sentence]:
        rows = []
        for file in files:
            for number, (text, label) in read_table(file, self.columns, self.bad):
                problem = _problem(text, label)
                if problem is None:
                    rows.append(Sentence(file, number, text, _name(label)))
                else:
                    self.bad(file, number, problem)
            if not rows:
                raise DataError(f"{file}: no row that can be used; name a file that has some with data.path=")
        return rows

    def _encode(self, rows: list[Sentence]) -> Examples:
        places = {label: place for place, label in enumerate(self.targets.names)}
        inputs, targets = [], []
        for row in rows:
            if row.label not in places:
                self.bad(row.file, row.number, never_seen("label", row.label, self.targets.names))
                continue
            ids = self.encoder.encode(row.text)
            if self.max_length is not None and len(ids) > self.max_length:
                self.bad(row.file, row.number, f"{len(ids)} tokens, more than data.max_length={self.max_length}")
                continue
            inputs.append(ids)
            targets.append(places[row.label])
        if not inputs:
            raise DataError(f"{rows[0].file}: no row that can be used; name a file that has some with data.path=")
        return Examples(ragged(inputs), torch.tensor(targets))

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a text, nothing asked. Raises DataError for a line without a token.

        where, first: what the lines are read from, and the number of the first.
        """
        return unasked_rows(read_texts(self.encoder, lines, where, first))

    def show(self, inputs: Tensor) -> str:
        """The text. inputs: [time]."""
        return self.encoder.decode(inputs).strip()


def _problem(text: Any, label: Any) -> str | None:
    if not isinstance(text, str):
        return f"the text is not a string but {type(text).__name__}"
    if not text.strip():
        return "the row has no tokens"
    if not isinstance(label, (str, int)):
        return f"the label is neither a string nor a whole number but {type(label).__name__}"
    if not _name(label):
        return "the row has no label"
    return None


def _name(label: str | int) -> str:
    if isinstance(label, bool):
        return "true" if label else "false"
    return str(label).strip()
