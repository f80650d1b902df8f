"""The most likely token at every step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Hypothesis, Stepper
from seqnet.decoding.incremental import write
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
        """One hypothesis a row; nothing is drawn from the generator. See `write`."""
        return write(model, memory, state, writing, self.limits, lambda logs: logs.argmax(-1), prefix, first)
