"""What the drawn sets share: three splits of rows that are a pure function of (seed, split, options)."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch

from seqnet.data.files import BadRows
from seqnet.data.formats import format as sizes
from seqnet.data.formats.columns import gather_block, resolve
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.generation import generator


class Drawn(Format):
    """Rows of named columns that are drawn, not read; a `file` is the name of a split."""

    columns: ClassVar[tuple[str, ...]]
    named: ClassVar = True
    unit: ClassVar = "row"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @abstractmethod
    def draw(self, split: str) -> Mapping[str, Sequence[Any]]:
        """The columns of `train`, `valid` or `test`, a value a row."""

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The columns' names."""
        return self.columns

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns. Raises DataError for one that there is not."""
        wanted = resolve(columns, self.columns, len(self.columns), f"the drawn {file} rows")
        made = self.draw(file)
        count = len(made[self.columns[0]])
        for begin in range(0, count, sizes.ROWS):
            end = min(begin + sizes.ROWS, count)
            values = gather_block(wanted, lambda place, some=slice(begin, end): made[self.columns[place]][some])  # type: ignore[misc]
            yield Rows(range(begin + 1, end + 1), values)


class Sized(Drawn):
    """A drawn set of any size. Rows of two splits are drawn from generators of their own."""

    def __init__(self, seed: int, train_size: int, valid_size: int, test_size: int) -> None:
        super().__init__(seed)
        self.sizes = {"train": train_size, "valid": valid_size, "test": test_size}

    @abstractmethod
    def some(self, rows: int, random: torch.Generator) -> Mapping[str, Sequence[Any]]:
        """So many rows, drawn from the generator."""

    def draw(self, split: str) -> Mapping[str, Sequence[Any]]:
        """The columns of `train`, `valid` or `test`, a value a row."""
        return self.some(self.sizes[split], generator(self.seed, split))

    def count(self, file: Any) -> int | None:
        """How many rows a split has."""
        return self.sizes[file]


def picked(choices: Sequence[str], random: torch.Generator) -> str:
    """One of several texts."""
    return choices[int(torch.randint(len(choices), (), generator=random))]
