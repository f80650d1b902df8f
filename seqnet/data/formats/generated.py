"""Rows that are drawn, in place of a file."""

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from seqnet.data.files import BadRows
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import of_row, resolve
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.generation import SPLITS, at_least, generator


@dataclass(frozen=True)
class GeneratedSplit:
    """What stands for a file: a split of a kind of rows."""

    kind: str
    split: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.split})"


class Generated(Format):
    """Rows of named columns; those of a split are a pure function of (seed, split, options)."""

    unit: ClassVar = "row"
    names: ClassVar[tuple[str, ...]]  # of the columns

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @abstractmethod
    def rows_of(self, split: str) -> Iterable[Sequence[Any]]:
        """The rows of `train`, `valid` or `test`, anew however often: of each the values of all columns."""

    @property
    def name(self) -> str:
        """As its yaml is called."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def files(self) -> dict[str, GeneratedSplit]:
        """What stands for a file, by the split."""
        return {split: GeneratedSplit(self.name, split) for split in SPLITS}

    def header(self, file: Any) -> tuple[str, ...]:
        """The columns."""
        return self.names

    def base(self, file: Any) -> Path:
        """Nothing drawn names a file."""
        return Path()

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns. Raises DataError for a column that is not there."""
        wanted = resolve(columns, self.names, len(self.names), str(file))
        return one_by_one((number, of_row(row, wanted)) for number, row in enumerate(self.rows_of(file.split), 1))


class Drawn(Generated):
    """As many rows as are wanted. Splits share no random numbers. Raises ConfigurationError for an empty split."""

    def __init__(self, seed: int, train_size: int, valid_size: int, test_size: int) -> None:
        super().__init__(seed)
        self.sizes = dict(zip(SPLITS, (train_size, valid_size, test_size), strict=True))
        for split, size in self.sizes.items():
            at_least(f"data.generated.{split}_size", size, 1)

    @abstractmethod
    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """So many rows of a split, drawn from the generator: of each the values of all columns."""

    def rows_of(self, split: str) -> Iterable[Sequence[Any]]:
        """The rows of `train`, `valid` or `test`."""
        random = np.random.default_rng(generator(self.seed, split).initial_seed())
        return self.draw(split, self.count(self.files[split]), random)

    def count(self, file: Any) -> int:
        """How many rows there are."""
        return self.sizes[file.split]
