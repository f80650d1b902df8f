"""One token after another, each chosen once and for all."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Hypothesis, Stepper, first_inputs
from seqnet.decoding.limits import Limits
from seqnet.spaces import Writing
from seqnet.state import State, select


@torch.no_grad()
def write(
    model: Stepper,
    memory: State,
    state: State,
    writing: Writing,
    limits: Limits,
    choose: Callable[[Tensor], Tensor],
    prefix: Sequence[int] = (),
    first: Tensor | None = None,
) -> list[list[Hypothesis]]:
    """One hypothesis for each row of the state, scored by its log-probability.

    choose: from limited logits [rows vocab] to ids [rows]. A row that has ended is asked no more.
    """
    inputs = first_inputs(state, writing.begin, first)
    rows, steps = len(inputs), limits.steps(writing, len(prefix))
    ids = inputs.new_zeros(rows, steps)
    scores = torch.zeros(rows, dtype=torch.float64, device=inputs.device)
    lengths = inputs.new_full((rows,), steps)
    open_rows = torch.arange(rows, device=inputs.device)
    for time in range(steps):
        logits, state, _ = model.step(inputs, state, memory)
        logits = logits.float()
        inputs = choose(limits.apply(logits, ids[open_rows, :time], writing, prefix))
        scores[open_rows] += logits.log_softmax(dim=-1).gather(1, inputs[:, None]).squeeze(1).double()
        ids[open_rows, time] = inputs
        if writing.end is None:
            continue
        ended = inputs == writing.end
        if ended.any():
            lengths[open_rows[ended]] = time
            going = (~ended).nonzero()[:, 0]
            if not len(going):
                break
            open_rows, inputs = open_rows[going], inputs[going]
            state, memory = select(state, going), select(memory, going)
    found = zip(ids.tolist(), scores.tolist(), lengths.tolist(), strict=True)
    return [[Hypothesis(row[:length], score, score, length < steps)] for row, score, length in found]
