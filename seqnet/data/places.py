"""Where the rows of a split stand in their files, so that a report of single rows can say so."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqnet.data.columns import ColumnBuilder
from seqnet.data.examples import Ragged
from seqnet.data.files import place
from seqnet.data.formats.folder import Folder
from seqnet.data.formats.format import Column
from seqnet.data.formats.generated import GeneratedSplit
from seqnet.data.raw_block import RawBlock
from seqnet.data.read import name_of

ALONE = ("file", "piece")  # units of which a file is one


@dataclass(frozen=True)
class Place:
    """Where a row stands.

    where: its file and line; None = in no file. series: of rows that make a sequence, what these share. files: those
    that it names, by the column that names them.
    """

    where: str | None
    series: str | None
    files: Mapping[str, str]


@dataclass(frozen=True)
class Places:
    """Where each of the rows stands.

    files: how a file is called (None: what is drawn is in none), what counts its rows, and which row is its first.
    numbers: of the rows, in their files, [rows]. series: of rows that make sequences. named: the files that rows name,
    by column.
    """

    files: Sequence[tuple[str | None, str, int]]
    numbers: Tensor
    series: Sequence[str]
    named: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, row: int) -> Place:
        name, unit, _ = self.files[bisect_right(self.files, row, key=lambda file: file[2]) - 1]
        where = name if name is None or unit in ALONE else place(name, int(self.numbers[row]), unit)
        series = self.series[row] if self.series else None
        return Place(where, series, {column: files[row] for column, files in self.named.items()})

    def kept(self) -> tuple[dict[str, Any], Ragged]:
        """As a cache keeps it: what JSON holds, and the numbers."""
        told = {"files": [list(one) for one in self.files], "series": list(self.series)}
        named = {column: list(files) for column, files in self.named.items()}
        return {**told, "named": named}, Ragged(self.numbers, torch.arange(len(self.numbers) + 1))

    @classmethod
    def of_kept(cls, told: Mapping[str, Any], numbers: Ragged) -> "Places":
        """The inverse of `kept`."""
        return cls([tuple(one) for one in told["files"]], numbers.flat, told["series"], told["named"])


class PlacesBuilder:
    """Adds up where rows stand, block by block. columns: of the fields whose values are files."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns
        self._files: list[tuple[str | None, str, int]] = []
        self._numbers = ColumnBuilder()
        self._series: list[str] = []
        self._named: dict[str, list[str]] = {}
        self._rows = 0

    def __enter__(self) -> "PlacesBuilder":
        return self

    def __exit__(self, *error: object) -> None:
        self._numbers.__exit__(*error)

    def add(self, block: RawBlock) -> None:
        """Add the rows of a block."""
        files, alone = [block.file], isinstance(block.file, Folder)
        if alone:  # of an archive its members, wherever they are unpacked
            files = [block.file.files[number - 1] for number in block.numbers]
        for name, column in self._columns.items():
            names = list(map(_file_named, block.values[name]))
            if names and None not in names:
                called = map(str, files if alone else names)
                self._named.setdefault(name_of(column, name), []).extend(called)
        self._series += map(str, block.groups)
        for at, file in enumerate(files):
            where = None if isinstance(file, GeneratedSplit) else str(file)
            if not self._files or self._files[-1][:2] != (where, block.unit):
                self._files.append((where, block.unit, self._rows + at))
        numbers = np.asarray(block.numbers, np.int64)
        self._numbers.append(numbers, np.ones(len(numbers), np.int64))
        self._rows += len(block.numbers)

    def places(self) -> Places | None:
        """Where they stand; None where there is no row."""
        numbers = self._numbers.column()
        if numbers is None:
            return None
        named = {column: files for column, files in self._named.items() if len(files) == self._rows}
        return Places(self._files, numbers.flat, self._series, named)


def _file_named(value: Any) -> str | None:
    """The name of the file that a value is, or that its bytes were, as parquet and the Hub tell it."""
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is not None else None
        return value if isinstance(value, str) else None
    return str(value) if isinstance(value, Path) else None
