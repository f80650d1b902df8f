"""A beam of one hypothesis writes what is written greedily."""

import torch

from seqnet.checks.comparing import difference
from seqnet.checks.measured import Measured
from seqnet.checks.subject import Subject
from seqnet.checks.writing import as_beam, limits, louder, sets, writes, written

TITLE = "greedy = beam of 1"
TOLERANCE = 1e-5  # decoders look at logits in single precision
GREEDY = "seqnet.decoding.greedy.Greedy"


def check(subject: Subject) -> Measured:
    """The share of rows of which other tokens are written, and how likely they are. Of a beam of the user's own, it."""
    writes(subject)
    model = louder(subject.model())
    for batch in sets(subject):
        beam = written(subject, model, as_beam(subject, 1), batch)
        greedy = written(subject, model, {"_target_": GREEDY, **limits(subject)}, batch)
        pairs = [(one[0], other[0]) for one, other in zip(beam, greedy, strict=True)]
        yield "rows that are written otherwise", sum(one.ids != other.ids for one, other in pairs) / len(pairs)
        logs = [torch.tensor([pair[side].log_probability for pair in pairs]) for side in (0, 1)]
        yield "log-probability of what is written", difference(*logs)
