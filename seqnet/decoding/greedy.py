"""The most likely token at every step."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Hypothesis, Stepper, first_inputs
from seqnet.decoding.incremental import Written, gathered, write
from seqnet.decoding.limits import LeastLength, Limits
from seqnet.options import CountFromZero, Steps
from seqnet.specs import Writing
from seqnet.state import State


class Greedy:
    """Always the largest logit; of equal ones the first. Limits and errors are those of `Limits`."""

    def __init__(
        self, min_length: LeastLength = 0, max_length: Steps | None = None, no_repeat_ngram: CountFromZero = 0
    ) -> None:
        self.limits = Limits(min_length, max_length, no_repeat_ngram)

    def decode(
        self,
        model: Stepper,
        memory: State,
        state: State,
        writing: Writing,
        prefix: Sequence[int] = (),
        generator: torch.Generator | None = None,
        first: Tensor | None = None,
    ) -> list[list[Hypothesis]]:
        """One hypothesis a row; nothing is drawn from the generator."""
        steps = self.steps(model, memory, state, writing, prefix, generator, first)
        return gathered(steps, len(first_inputs(state, writing.begin, first)), writing.end)

    def steps(
        self,
        model: Stepper,
        memory: State,
        state: State,
        writing: Writing,
        prefix: Sequence[int] = (),
        generator: torch.Generator | None = None,
        first: Tensor | None = None,
    ) -> Iterator[Written]:
        """The same, step by step. See `write`."""
        return write(model, memory, state, writing, self.limits, lambda logs: logs.argmax(-1), prefix, first)
