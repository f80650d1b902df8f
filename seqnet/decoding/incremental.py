"""One token after another, each chosen once and for all."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Hypothesis, Start, Stepper
from seqnet.decoding.limits import Limits
from seqnet.state import select


class Written(NamedTuple):
    """What one step wrote."""

    rows: Tensor  # [open]: those that had not ended
    ids: Tensor  # [open]
    logs: Tensor  # [open]: how likely that was


@torch.no_grad()
def write(model: Stepper, start: Start, limits: Limits, choose: Callable[[Tensor], Tensor]) -> Iterator[Written]:
    """Step by step, what is written in each row.

    choose: from limited log-probabilities [rows vocab] to ids [rows]. A row that has ended is asked no more.
    """
    memory, state, writing, inputs = start.memory, start.state, start.writing, start.inputs
    rows, steps = len(inputs), limits.steps(writing, len(start.prefix))
    written = inputs.new_zeros(rows, steps)  # of the open rows
    open_rows = torch.arange(rows, device=inputs.device)
    for time in range(steps):
        logits, state, _ = model.step(inputs, state, memory)
        logs = limits.apply(logits.float().log_softmax(dim=-1), written[:, :time], writing, start.prefix)
        inputs = choose(logs)
        yield Written(open_rows, inputs, logs.gather(1, inputs.unsqueeze(1)).squeeze(1))
        written.select(1, time).copy_(inputs)
        if writing.end is None:
            continue
        going = (inputs != writing.end).nonzero().squeeze(1)
        if going.numel() < inputs.numel():
            if not going.numel():
                return
            open_rows, inputs, written = open_rows[going], inputs[going], written[going]
            state, memory = select(state, going), select(memory, going)


def gathered(steps: Iterable[Written], start: Start) -> list[list[Hypothesis]]:
    """One hypothesis for each row, scored by its log-probability. steps: see `write`."""
    told, rows, end = list(steps), len(start.inputs), start.writing.end
    ids: list[list[int]] = [[] for _ in range(rows)]
    scores = [0.0] * rows
    if told:
        for row, token, score in zip(*(torch.cat(part).tolist() for part in zip(*told, strict=True)), strict=True):
            ids[row].append(token)
            scores[row] += score
    found = []
    for row, score in zip(ids, scores, strict=True):
        ended = bool(row) and row[-1] == end
        found.append([Hypothesis(row[:-1] if ended else row, score, score, ended)])
    return found
