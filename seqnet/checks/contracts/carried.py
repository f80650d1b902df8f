"""A state that is handed on counts, and a row that begins anew forgets it."""

import torch

from seqnet.checks.comparing import difference
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.subject import Subject

TITLE = "a carried state counts"
TOLERANCE = 1e-7


def check(subject: Subject) -> Measured:
    """1 where a carried state changes nothing; rows that begin anew beside those that go on."""
    if subject.uncut is not None:
        raise DoesNotApply(subject.uncut)
    model, batch = subject.model(), subject.full
    if batch.source is not None or batch.wholes:
        raise DoesNotApply("rows begin with what is read whole, and none begins anew beside others")
    with torch.no_grad():
        state = model(batch, None).state
        fresh, carried = model(batch, None).features, model(batch, state).features
        yield "a carried state changes nothing", float(difference(fresh, carried) == 0)
        starts = torch.arange(batch.size) % 2 == 1
        mixed = model(batch, model.reset(state, starts)).features
        yield "rows that begin anew", difference(mixed[starts], fresh[starts])
        yield "rows beside them that go on", difference(mixed[~starts], carried[~starts])
