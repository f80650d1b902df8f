"""What is said at a step does not depend on what is read behind it."""

import torch

from seqnet.checks.asking import changed
from seqnet.checks.comparing import difference
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.sizes import vocabularies
from seqnet.checks.subject import Subject

TITLE = "no reading ahead"
TOLERANCE = 1e-9


def check(subject: Subject) -> Measured:
    """Features of the steps before those that are read otherwise."""
    if subject.ahead is not None:
        raise DoesNotApply(subject.ahead)
    if subject.once_a_row:
        raise DoesNotApply("a row is answered once, at its end")
    model, batch = subject.model(), subject.full
    if batch.time < 2:
        raise DoesNotApply("no row has two steps")
    with torch.no_grad():
        expected = model(batch, None).features
        for step in range(1, batch.time):
            other = model(changed(batch, slice(step, None), vocabularies(subject.source)), None).features
            yield f"features before step {step + 1}", difference(other[:, :step], expected[:, :step])
