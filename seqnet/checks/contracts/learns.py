"""Every weight gets a gradient."""

import torch

from seqnet.checks.measured import Measured
from seqnet.checks.subject import Subject, gradients, loss_of

TITLE = "every weight learns"
TOLERANCE = 0.0


def check(subject: Subject) -> Measured:
    """1 for a weight that gets no gradient in training, infinite for one that is no number."""
    parts = subject.assembly()
    parts.model.train()
    source = subject.batch.source
    single = source is not None and source.shape[1] == 1  # attention to a single place has nothing to choose
    named = [name for name, weight in parts.model.named_parameters() if weight.requires_grad]
    totals = [loss_of(parts, parts.model(batch, None), batch) for batch in (*subject.batches, subject.full)]
    found = gradients(parts.model, torch.stack(totals).sum())
    yield "no weight at all", 0.0
    for name, gradient in zip(named, found, strict=True):
        if not gradient.isfinite().all():
            yield f"the gradient of {name} is no number", float("inf")
        else:
            idle = single and name.startswith("attention.")
            yield f"{name} gets no gradient", float(not (idle or gradient.any()))
