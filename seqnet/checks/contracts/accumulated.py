"""The windows of one step add up, and those of the step before are gone."""

import torch
from torch import Tensor

from seqnet.build import Assembly
from seqnet.checks.comparing import largest
from seqnet.checks.measured import Measured
from seqnet.checks.recorded import recorded, weighed
from seqnet.checks.subject import Subject, gradients, loss_of
from seqnet.state import detach

TITLE = "windows of a step add up"
TOLERANCE = 1e-6  # losses are summed in single precision
SIZE = 4


def check(subject: Subject) -> Measured:
    """The gradient that the training loop steps with, of all windows of two batches, and of each by itself."""
    parts = subject.assembly()
    window = None if subject.uncut is not None else SIZE
    told = list(_by_hand(parts, subject, window))
    alone = [[gradient / count for gradient in found] for found, count in told]
    count = sum(count for _, count in told)
    together = [sum(each, torch.zeros(())) / count for each in zip(*(found for found, _ in told), strict=True)]
    steps = recorded(parts, subject.batches, window, None, len(told), 1)
    yield f"the gradient of {len(told)} windows in one step", largest(steps[0], together)
    steps = recorded(parts, subject.batches, window, None, 1, len(told))
    for number, (found, wanted) in enumerate(zip(steps, alone, strict=True), 1):
        yield f"the gradient of step {number}, of one window", largest(found, wanted)


def _by_hand(parts: Assembly, subject: Subject, window: int | None) -> "list[tuple[list[Tensor], float]]":
    """The gradient of each window in which something is asked, summed over its items, and how many these are."""
    found = []
    for batch in subject.batches:
        state = None
        for piece in batch.windows(window):
            output = parts.model(piece, state)
            state = detach(output.state)
            if count := weighed(parts, piece):
                total = loss_of(parts, output, piece)
                found.append((gradients(parts.model, total), count))
    return found
