"""What the generated data sets share: random generators of their own, and rows that all have one length."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples, Ragged
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import Axis, Kind
from seqnet.specs import Spec

SPLITS = ("train", "valid", "test")


def generator(*parts: int | str) -> torch.Generator:
    """A generator of its own, seeded by all `parts` together: (0, 1, 2) and (0, 12) have nothing in common."""
    digest = blake2b(repr(parts).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little"))


def at_least(key: str, value: float, least: float) -> None:
    """Raises ConfigurationError where the option `key` is below `least`."""
    if not value >= least:
        raise ConfigurationError(f"{key} must be at least {least}, not {value}")


def equal_rows(steps: Tensor) -> Ragged:
    """Rows of one length, end to end, without a copy. steps: [rows time ...]."""
    rows, time = steps.shape[:2]
    return Ragged(steps.flatten(0, 1), torch.arange(rows + 1) * time)


def exported_steps(reads: dict[str, Any], target: Kind) -> dict[str, Any]:
    """A source of one input as `seqnet.exported` has it. reads: how a line of JSON becomes its steps."""
    first = {"name": "inputs", "column": "inputs", "role": "first", "reads": reads}
    return {"asks": "row" if target.axis is Axis.ROW else "step", "lines": "value", "inputs": [first]}


def exported_numbers(width: int, over: float = 1.0) -> dict[str, Any]:
    """Steps of so many numbers, `over` a number, as `seqnet.exported` has them."""
    return {
        "kind": "numbers",
        "axis": "step",
        "width": width,
        "centre": [0.0] * width,
        "middle": [0.0] * width,
        "deviation": [over] * width,
        "log": False,
        "missing": "raise",
        "mask": False,
    }


class Unlearned:
    """A data set that learns nothing from its rows, so that its stored state is empty."""

    def state(self) -> dict[str, Any]:
        """Nothing learned."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take nothing back. Raises DataError where there is something."""
        if state:
            told = f"the stored data state holds {sorted(state)}"
            raise DataError(f"{told}, but this data set learns nothing from its rows")


class Drawn(Unlearned):
    """A data set that is drawn from the seed: nothing to read. Raises ConfigurationError for an empty split."""

    def __init__(self, seed: int, train_size: int, valid_size: int, test_size: int) -> None:
        self.seed = seed
        self.sizes = {"train": train_size, "valid": valid_size, "test": test_size}
        for split, size in self.sizes.items():
            at_least(f"data.{split}_size", size, 1)
        self.views: dict[str, Spec] = {}
        self.bad_rows = 0

    def fit(self) -> None:
        """Nothing to learn."""
        return


class Generated(Drawn, ABC):
    """The rows of a split are a pure function of (seed, split, options); splits share no random numbers."""

    inputs: Spec
    targets: Spec
    target_kind: Kind

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`."""
        return self.draw(self.sizes[name], generator(self.seed, name))

    @abstractmethod
    def draw(self, rows: int, random: torch.Generator) -> Examples:
        """So many rows, drawn from the generator."""

    @abstractmethod
    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """The inputs that a user hands in, one JSON value a line; nothing is asked. Raises DataError.

        where, first: what they are read from, and the number of the first line.
        """

    def _exported(self, reads: dict[str, Any]) -> dict[str, Any]:
        """What a subclass says of itself (see seqnet.exported). reads: how a line of JSON becomes its steps."""
        return exported_steps(reads, self.target_kind)

    @abstractmethod
    def show(self, inputs: Tensor) -> str:
        """The inputs of one row as a person reads them."""
