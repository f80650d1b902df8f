"""What a decoder carries from step to step, and what it finds where it looks back at a source."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqnet.attention.memory import Attended, Memory
from seqnet.attention.mixture import packed
from seqnet.batch import Output
from seqnet.state import State


class DecoderState(NamedTuple):
    """State of a decoder between two target steps."""

    layers: tuple[State, ...]
    position: Tensor  # [batch] int64: how many steps were written
    context: Tensor | None  # [batch feature]: the last attentional vector, where it is fed to the next step
    coverage: Tensor | None  # [batch source_time]: the attention that each source position was paid so far


def attend(
    attention: Callable[..., Attended], y: Tensor, memory: Memory, state: DecoderState, weights: bool
) -> Attended:
    """Attention of y [rows time hidden]; time is 1 where several rows ask one row of the memory."""
    rows, time = y.shape[:2]
    asked = memory.lengths.shape[0]
    if rows == asked:
        position = state.position.unsqueeze(1)
        if time > 1:
            position = position + torch.arange(time, device=y.device)
        coverage = None if state.coverage is None else state.coverage[:, None]
        return attention(y, memory, position, coverage, weights)
    coverage = None if state.coverage is None else state.coverage.unflatten(0, (asked, -1))
    found = attention(y.view(asked, rows // asked, -1), memory, state.position.view(asked, -1), coverage, weights)
    each = None if found.weights is None else found.weights.transpose(1, 2).flatten(0, 1).unsqueeze(2)
    if found.logs is None:
        return Attended(found.context.flatten(0, 1).unsqueeze(1), each)
    context = found.context.expand(-1, rows // asked, -1, -1)
    return Attended(context.flatten(0, 1).unsqueeze(1), each, logs=found.logs.flatten(0, 1).unsqueeze(1))


def output(written: Tensor, head: nn.Module, state: DecoderState, found: Sequence[Attended | None]) -> Output:
    """What a decoder gives: features [batch time feature], and what it found in the stretches of that time.

    written: of a mixture [batch time positions feature].
    """
    attended = [each for each in found if each is not None]
    weights = [each.weights for each in attended if each.weights is not None]
    chosen = [each.log_probability for each in attended if each.log_probability is not None]
    expected = [each.baseline for each in attended if each.baseline is not None]
    bonus = [each.bonus for each in attended if each.bonus is not None]
    logs = [each.logs for each in attended if each.logs is not None]
    if logs:
        written = packed(written, torch.cat(logs, dim=1))
    return Output(
        written,
        head,
        state,
        attention=torch.cat(weights, dim=2) if weights else None,
        log_probability=torch.cat(chosen, dim=1) if chosen else None,
        baseline=torch.cat(expected, dim=1) if expected else None,
        bonus=torch.cat(bonus, dim=1) if bonus else None,
        mixed=bool(logs),
    )
