"""What a field is: it makes one named column of numbers out of raw values, learned from the training rows alone."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from seqnet.batch import UNKNOWN_LABEL as UNKNOWN_LABEL
from seqnet.batch import Batch
from seqnet.kinds import Kind
from seqnet.specs import Spec

Raw = Any
"""A value as a format gives it: text, a number, a list, a dictionary, bytes, a path, an array; None = missing."""

Augment = Callable[[Batch, torch.Generator], Batch]
"""Changes a training batch at random, inputs and targets alike."""

Vary = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Changes the values [batch time ...] of an input at random, in training. Lengths [batch] stay as they are."""


class Block(NamedTuple):
    """The encoded values of some rows, end to end."""

    flat: np.ndarray  # [total ...]
    lengths: np.ndarray  # [rows] int64: entries of each row; all 1 on Axis.ROW
    told: Mapping[str, int] = MappingProxyType({})  # what a person should know of the rows, and of how many of them

    def __reduce__(self) -> tuple[Any, ...]:
        return Block, (self.flat, self.lengths, dict(self.told))  # what cannot be changed cannot be pickled


class BadValues(Exception):
    """Some of the values cannot be used. problems: for each position in what was given, what is wrong, in words."""

    def __init__(self, problems: Mapping[int, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


class UnknownLabels(BadValues):
    """Some of the values are labels that training never saw; all the others of the block can be used.

    block: the values all the same, UNKNOWN_LABEL in place of such a label, for whoever counts it as an error. Of
    several labels a row those that are known are set.
    """

    def __init__(self, problems: Mapping[int, str], block: Block) -> None:
        super().__init__(problems)
        self.block = block


class Field(Protocol):
    """One column. `observe` is called with block after block of training rows, then `learned` once, which
    after `restore` tells what was restored; then `encode`.

    opens_files: values that are text name files, relative to the table that holds them; they are handed in as paths.
    `observe` and `encode` raise BadValues that names every row of the block that cannot be used, all at once, and then
    have taken in nothing. `encode` raises UnknownLabels where nothing worse is wrong.

    `exported` says what `seqnet export` needs of it (see seqnet.exported); without it a run is not exported.

    A field may also have `join`, which takes in what another of the same kind, and of the same options, was shown
    behind all that this one was: then blocks are observed by several processes. A class with an `observe` of its own
    has a `join` of its own, or none that counts.

    A field may also have `augment`, what is done to training batches whose first input and target it is, or None;
    `vary`, what is done to it in training where it is an input, or None, and `reorders`, whether that moves steps;
    `show`, which says what `decode` does as a person reads it; `seen`, what there is to see of an answer, where it is
    asked for: of (the words that were read, a text that was written) or (its own steps that were read, the predictions
    of each step); and `unknown`, which counts a block's unknown tokens.
    """

    opens_files: ClassVar[bool] = False

    @property
    def kind(self) -> Kind: ...  # known before any data is read
    def observe(self, values: Sequence[Raw]) -> None: ...
    def learned(self) -> Spec: ...
    def encode(self, values: Sequence[Raw]) -> Block: ...
    def decode(self, entry: Any) -> Any: ...  # one entry, or a row of them, as JSON or text
    def state(self) -> Any: ...  # JSON
    def restore(self, state: Any) -> None: ...  # raises DataError where it is malformed
