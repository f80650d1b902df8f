"""Text from a language model, one token at a time."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from seqnet.errors import ConfigurationError
from seqnet.state import State


class Stepper(Protocol):
    """What generation asks of a model."""

    def initial_state(self, batch_size: int) -> State: ...
    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]: ...


@torch.no_grad()
def generate(
    model: Stepper,
    prompt: Tensor,
    length: int,
    choose: Callable[[Tensor], Tensor],
    forbidden: Sequence[int] = (),
) -> tuple[Tensor, Tensor]:
    """Go on from `prompt` [batch time] for `length` tokens.

    choose: from logits [batch vocab] to ids [batch], such as `partial(Sampling().choose, generator=generator)`.
    forbidden: ids that are never chosen. Returns the new ids and the log-probability that the model gave each
    (at temperature 1, nothing cut or forbidden), both [batch length]. The model is to be in evaluation mode.
    Raises ConfigurationError for an empty prompt.
    """
    if prompt.shape[1] == 0:
        raise ConfigurationError("prompt is empty; generation needs at least one token to go on from")
    state = model.initial_state(len(prompt))
    for tokens in prompt.unbind(dim=1):
        logits, state = model.step(tokens, state)
    ids: list[Tensor] = []
    scores: list[Tensor] = []
    for number in range(length):
        if number:
            logits, state = model.step(ids[-1], state)
        logits = logits.float()
        allowed = (
            logits.index_fill(-1, torch.tensor(forbidden, device=logits.device), float("-inf")) if forbidden else logits
        )
        ids.append(choose(allowed))
        scores.append(logits.log_softmax(dim=-1).gather(-1, ids[-1][:, None]).squeeze(-1))
    if not length:
        return prompt[:, :0], logits[:, :0].float()
    return torch.stack(ids, dim=1), torch.stack(scores, dim=1)
