"""The most likely token at every step."""

from collections.abc import Iterator

from seqnet.decoding.hypothesis import Hypothesis, Start, Stepper
from seqnet.decoding.incremental import Written, gathered, write
from seqnet.decoding.limits import LeastLength, Limits
from seqnet.options import CountFromZero, Steps


class Greedy:
    """Always the largest logit; of equal ones the first. Limits and errors are those of `Limits`."""

    def __init__(
        self, min_length: LeastLength = 0, max_length: Steps | None = None, no_repeat_ngram: CountFromZero = 0
    ) -> None:
        self.limits = Limits(min_length, max_length, no_repeat_ngram)

    def decode(self, model: Stepper, start: Start) -> list[list[Hypothesis]]:
        """One hypothesis a row; nothing is drawn from the generator."""
        return gathered(self.steps(model, start), start)

    def steps(self, model: Stepper, start: Start) -> Iterator[Written]:
        """The same, step by step. See `write`."""
        return write(model, start, self.limits, lambda logs: logs.argmax(-1))
