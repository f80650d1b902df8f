"""Rows of raw values that are drawn from the seed, as if a file held them: fields read them as they read a user's."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from seqnet.data.files import BadRows
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import of_row, resolve
from seqnet.data.formats.find import Found, Part
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.generation import at_least, generator


@dataclass(frozen=True)
class DrawnSplit:
    """What stands for a file."""

    name: str

    def __str__(self) -> str:
        return f"the {self.name} rows that are drawn"


class DrawnRows(Format):
    """Row n of a split is a pure function of (seed, split, n, options). names: of the columns."""

    unit: ClassVar = "row"
    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, seed: int, train_size: int, valid_size: int, test_size: int) -> None:
        self.seed = seed
        self.sizes = {"train": train_size, "valid": valid_size, "test": test_size}
        for split, size in self.sizes.items():
            at_least(f"data.drawn.{split}_size", size, 1)

    @abstractmethod
    def draw(self, random: torch.Generator) -> Sequence[Any]:
        """A row: a value for each of the names."""

    def found(self) -> Found:
        """The splits, in place of files."""
        return Found({split: [Part(DrawnSplit(split), self)] for split in self.sizes})

    def header(self, file: DrawnSplit) -> tuple[str, ...]:
        """The names."""
        return self.names

    def count(self, file: DrawnSplit) -> int:
        """How many rows a split has."""
        return self.sizes[file.name]

    def rows(self, file: DrawnSplit, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns. Raises DataError for one that is not there."""
        wanted = resolve(columns, self.names, len(self.names), str(file))

        def values() -> Iterator[tuple[int, list[Any]]]:
            for number in range(1, self.sizes[file.name] + 1):
                yield number, of_row(self.draw(generator(self.seed, file.name, number)), wanted)

        return one_by_one(values())
