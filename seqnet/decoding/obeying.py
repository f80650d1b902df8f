"""Decoding held to a grammar: what it does not let follow has no probability, whatever the model says."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqnet.decoding.generation import Decoding
from seqnet.decoding.hypothesis import Hypothesis, Start
from seqnet.decoding.incremental import Written
from seqnet.specs import Grammar
from seqnet.state import State


class ObeyingState(NamedTuple):
    """State of a model, and what its grammar knows of what each row has written."""

    inner: State
    grammar: State
    time: Tensor  # [rows]: how many tokens were written


class Obeying:
    """What `decoding` finds where each next token is one that the grammar allows: greedy, beam and sampling alike.

    The probabilities of these sum to 1, as if all other logits were -inf. lengths: of what each row reads, [rows].
    A prefix is written as it is given.
    """

    def __init__(self, decoding: Decoding, grammar: Grammar, lengths: Tensor) -> None:
        self.decoding, self.grammar, self.lengths = decoding, grammar, lengths

    @torch.no_grad()
    def decode(self, model: Any, start: Start) -> list[list[Hypothesis]]:
        """As `decoding` does."""
        return self.decoding.decode(*self._held(model, start))

    def steps(self, model: Any, start: Start) -> Iterator[Written]:
        """The same step by step, of a decoding that has `steps`."""
        steps: Iterator[Written] = self.decoding.steps(*self._held(model, start))  # type: ignore[attr-defined]
        return steps

    def _held(self, model: Any, start: Start) -> tuple["_Held", Start]:
        """The model held to the grammar, and how it begins."""
        lengths, free = self.lengths.to(start.inputs.device), len(start.prefix)
        begun = ObeyingState(start.state, self.grammar.begin(lengths), torch.zeros_like(lengths))
        steps = self.decoding.limits.steps(start.writing, free)
        return _Held(model, self.grammar, steps, free), start._replace(state=begun)


class _Held:
    """A model that writes what its grammar allows; what a search hands it for a head picks among its logits."""

    def __init__(self, model: Any, grammar: Grammar, steps: int, free: int) -> None:
        self.model, self.grammar, self.steps, self.free = model, grammar, steps, free
        self.head = nn.Identity()

    def step(
        self,
        inputs: Tensor,
        state: ObeyingState,
        memory: State,
        head: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, ObeyingState, Tensor | None]:
        """One step of the model; logits -inf where the grammar does not go on."""
        logits, inner, weights = self.model.step(inputs, state.inner, memory)
        time = int(state.time[0])
        known = self.grammar.read(state.grammar, inputs) if time else state.grammar
        if time >= self.free:
            logits = logits.masked_fill(~self.grammar.allowed(known, self.steps - time), -torch.inf)
        found = ObeyingState(inner, known, state.time + 1)
        return logits if head is None else head(logits), found, weights
