"""What is asked twice in evaluation is answered alike: nothing is drawn, and nothing kept from before."""

import torch

from seqnet.checks.comparing import difference
from seqnet.checks.measured import Measured
from seqnet.checks.subject import Subject, loss_of

TITLE = "asked twice = once"
TOLERANCE = 0.0


def check(subject: Subject) -> Measured:
    """Features and loss of a batch, before and after another one, the random generators standing elsewhere."""
    parts, batch, other = subject.assembly(), subject.batch, subject.batches[-1]
    with torch.no_grad():
        first = parts.model(batch, None)
        loss = loss_of(parts, first, batch)
        torch.manual_seed(subject.config["seed"] + 1)
        again = parts.model(batch, None)
        yield "features with other random numbers", difference(again.features, first.features)
        parts.model(other, None)
        after = parts.model(batch, None)
        yield "features after another batch", difference(after.features, first.features)
        yield "loss", difference(loss_of(parts, after, batch), loss)
