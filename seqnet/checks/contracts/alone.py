"""A row by itself is answered as it is among others."""

import torch

from seqnet.checks.asking import row_of, told
from seqnet.checks.comparing import difference, of_states
from seqnet.checks.measured import Measured
from seqnet.checks.subject import Subject, loss_of
from seqnet.kinds import Axis
from seqnet.state import select

TITLE = "batched = single"
TOLERANCE = 1e-6  # losses are summed in single precision


def check(subject: Subject) -> Measured:
    """Features and state of each row, and the losses of all rows together."""
    there = subject.batch.lengths.nonzero()[:, 0]
    parts, batch = subject.assembly(), subject.batch.map(lambda tensor: tensor[there])
    with torch.no_grad():
        together = parts.model(batch, None)
        total = torch.zeros(())
        for row, length in enumerate(batch.lengths.tolist()):
            one = row_of(batch, row)
            alone = parts.model(one, None)
            total = total + loss_of(parts, alone, one)
            features, found = told(together)[row : row + 1], told(alone)
            if subject.features is Axis.FRAME:
                length = found.shape[1]
            if not subject.once_a_row:
                features = features[:, :length]
            yield f"features of row {row}, {length} steps long", difference(found, features)
            if alone.state is not None and _of_one_size(parts.model):
                state = select(together.state, torch.tensor([row]))
                yield f"state after row {row}, {length} steps long", of_states(alone.state, state)
        yield "loss", difference(total, loss_of(parts, together, batch))


def _of_one_size(model: object) -> bool:
    """Whether a state is as wide as its row is by itself: what was paid attention is as long as the longest source."""
    return not getattr(model, "coverage", False)
