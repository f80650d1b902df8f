"""What decoding asks of a model and what it answers."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

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


class Hypothesis(NamedTuple):
    """One sequence that was written."""

    ids: list[int]  # without the end
    score: float  # what hypotheses are ranked by; those that did not end come last
    log_probability: float  # that the model gives it, the end included; of what no limit changed
    ended: bool  # by the end, not by its length


def first_inputs(state: State, begin: int | None, first: Tensor | None) -> Tensor:
    """What each row reads first: `first` [batch], or the token that begins every sequence."""
    if first is not None:
        return first
    assert begin is not None, "a model of numbers is rolled out, not decoded"
    some = leaves(state)[0]
    return some.new_full((len(some),), begin, dtype=torch.int64)
