"""Text from a language model: decoding that goes on from a prompt."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Hypothesis, Start, Stepper
from seqnet.decoding.incremental import Written
from seqnet.decoding.limits import Limits
from seqnet.errors import ConfigurationError
from seqnet.specs import Writing
from seqnet.state import State

OF_WRITER = ("vocabulary", "replace_unknown", "dictionary")
"""Options of a decoding that whoever writes by it hears, and not its class."""


class LanguageModel(Protocol):
    """What generation asks of a model."""

    def initial_state(self, batch_size: int) -> State: ...
    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]: ...


class Decoding(Protocol):
    """Greedy, Beam or Sampling. One that writes token after token has `steps` too, of the same arguments."""

    @property
    def limits(self) -> Limits: ...

    def decode(self, model: Stepper, start: Start) -> list[list[Hypothesis]]: ...


class _WithoutMemory:
    """A language model as decoding asks for one."""

    def __init__(self, model: Any, told: Callable[[], None] = lambda: None) -> None:
        self.model, self.told = model, told

    @property
    def head(self) -> Any:
        return self.model.head

    def step(self, inputs: Tensor, state: State, memory: State, head: Any = None) -> tuple[Tensor, State, None]:
        self.told()
        logits, state = self.model.step(inputs, state, **({} if head is None else {"head": head}))
        return logits, state, None


@torch.no_grad()
def generate(
    model: LanguageModel,
    prompt: Tensor,
    length: int,
    decoding: Decoding,
    forbidden: Sequence[int] = (),
    generator: torch.Generator | None = None,
    told: Callable[[], None] = lambda: None,
) -> list[list[Hypothesis]]:
    """Go on from `prompt` [batch time] for `length` tokens.

    forbidden: ids that are never written. told: is called at each of them. The model is to be in evaluation mode.
    Raises ConfigurationError for an empty prompt.
    """
    return decoding.decode(_WithoutMemory(model, told), _begun(model, prompt, length, forbidden, generator))


def stream(
    model: LanguageModel,
    prompt: Tensor,
    length: int,
    decoding: Any,
    forbidden: Sequence[int] = (),
    generator: torch.Generator | None = None,
) -> Iterator[Written]:
    """The same token by token, of a decoding that has `steps`. Raises ConfigurationError for an empty prompt."""
    steps: Iterator[Written] = decoding.steps(
        _WithoutMemory(model), _begun(model, prompt, length, forbidden, generator)
    )
    return steps


@torch.no_grad()
def _begun(
    model: LanguageModel,
    prompt: Tensor,
    length: int,
    forbidden: Sequence[int],
    generator: torch.Generator | None,
) -> Start:
    """How a decoding begins, once all of the prompt but its last token is read."""
    if prompt.shape[1] == 0:
        raise ConfigurationError("prompt is empty; generation needs at least one token to go on from")
    state = model.initial_state(len(prompt))
    for tokens in prompt.unbind(dim=1)[:-1]:
        _, state = model.step(tokens, state)
    writing = Writing(begin=None, end=None, forbidden=tuple(forbidden), longest=length)
    return Start(None, state, writing, generator=generator, first=prompt[:, -1])
