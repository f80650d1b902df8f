"""A model that is exported gives what torch gives."""

import torch

from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.numbers import numbers_of
from seqnet.checks.subject import Subject

TITLE = "exported = torch"
TOLERANCE = 1e-4  # in single precision


def check(subject: Subject) -> Measured:
    """Each graph that seqnet export would write, for several sizes of what is read."""
    if subject.export is None:
        raise DoesNotApply("graphs take longer to be made than all else: ask for them with export=true")
    with numbers_of(torch.float32):
        parts = subject.assembled()
        parts.model.eval()
        yield from subject.export(parts)
