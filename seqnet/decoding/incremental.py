"""One token after another, each chosen once and for all."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Hypothesis, Start, Stepper, largest
from seqnet.decoding.limits import Limits
from seqnet.state import select


class Written(NamedTuple):
    """What one step wrote."""

    rows: Tensor  # [open]: those that had not ended
    ids: Tensor  # [open]
    logs: Tensor  # [open]: how likely that was
    looked: Tensor | None = None  # [open]: where attention was largest, if that is asked


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
        logits, state, weights = model.step(inputs, state, memory)
        logs = limits.apply(logits.float().log_softmax(dim=-1), written[:, :time], writing, start.prefix)
        inputs = choose(logs)
        looked = largest(weights) if start.looks else None
        yield Written(open_rows, inputs, logs.gather(1, inputs.unsqueeze(1)).squeeze(1), looked)
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
    places: list[list[int]] = [[] for _ in range(rows)]
    scores = [0.0] * rows
    if told:
        row, token, log = (torch.cat(part).tolist() for part in zip(*(one[:3] for one in told), strict=True))
        for number, one, score in zip(row, token, log, strict=True):
            ids[number].append(one)
            scores[number] += score
        if start.looks:
            looked = torch.cat([one.looked for one in told if one.looked is not None])
            for number, place in zip(row, looked.tolist(), strict=True):
                places[number].append(place)
    found = []
    for own, seen, score in zip(ids, places, scores, strict=True):
        ended = bool(own) and own[-1] == end
        kept = len(own) - ended
        found.append([Hypothesis(own[:kept], score, score, ended, tuple(seen[:kept]) if start.looks else None)])
    return found
