"""What decoding asks of a model and what it answers."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from seqnet.specs import Writing
from seqnet.state import State, leaves


class Stepper(Protocol):
    """A model that writes one token after another.

    `memory` has one row for each sequence to be written, the state as many or, of a beam, a multiple of it: all
    hypotheses of the first row, then those of the second.
    """

    def step(self, inputs: Tensor, state: State, memory: State) -> tuple[Tensor, State, Tensor | None]:
        """inputs [rows]; returns logits [rows vocab], the new state, and attention [rows heads source] or None.

        A search may write into the logits.
        """


def largest(weights: Tensor | None) -> Tensor:
    """Where attention [rows heads source_time] is largest in the mean of its heads, [rows]; of equals the first."""
    assert weights is not None, "a model without attention looks nowhere"
    return weights.float().mean(dim=1).argmax(dim=-1)


class Hypothesis(NamedTuple):
    """One sequence that was written."""

    ids: list[int]  # without the end
    score: float  # what hypotheses are ranked by; those that did not end come last
    log_probability: float  # that the model gives it, the end included; of what no limit changed
    ended: bool  # by the end, not by its length
    looked: tuple[int, ...] | None = None  # where attention was largest as each of the ids was written, if it is asked


class Start(NamedTuple):
    """How rows begin to be written, and what all of them are held to."""

    memory: State  # what is looked back at
    state: State  # before the first step
    writing: Writing
    prefix: Sequence[int] = ()  # how every row begins
    generator: torch.Generator | None = None  # of what is drawn; None: one that begins at seed 0
    looks: bool = False  # whether it is told where attention was largest
    first: Tensor | None = None  # [rows], what each reads first; None: the token that begins every sequence

    @property
    def inputs(self) -> Tensor:
        """What each row reads first, [rows]."""
        if self.first is not None:
            return self.first
        assert self.writing.begin is not None, "a model of numbers is rolled out, not decoded"
        some = leaves(self.state)[0]
        return some.new_full((len(some),), self.writing.begin, dtype=torch.int64)
