"""A model that is exported gives what torch gives."""

import torch

from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.subject import Subject

TITLE = "exported = torch"
TOLERANCE = 1e-4  # in single precision


def check(subject: Subject) -> Measured:
    """Each graph that seqnet export would write, for several sizes of what is read."""
    if subject.export is None:
        raise DoesNotApply("graphs take longer to be made than all else: ask for them with export=true")
    kind = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        parts = subject.assembled()
        parts.model.eval()
        yield from subject.export(parts)
    finally:
        torch.set_default_dtype(kind)
