"""A decoding tells of what it wrote the probability that the model gives it: each hypothesis keeps its own state."""

import torch

from seqnet.checks.comparing import difference
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.subject import Subject
from seqnet.checks.writing import as_beam, louder, options, sets, told, writes, written

TITLE = "as likely as it is told"
TOLERANCE = 1e-4  # decoders look at logits in single precision
SIZE = 4


def check(subject: Subject) -> Measured:
    """The log-probability of what the configured decoding and a beam write, and that of reading it whole."""
    writes(subject)
    model = louder(subject.model())
    if getattr(getattr(subject.source, "writing", None), "grammar", None) is not None:
        raise DoesNotApply("what is written obeys a grammar")
    for decoding in (options(subject), as_beam(subject, SIZE)):
        name = decoding["_target_"].rpartition(".")[2]
        for batch in sets(subject):
            found = written(subject, model, decoding, batch)
            for row, hypotheses in enumerate(found):
                for place, one in enumerate(hypotheses):
                    given = told(subject, model, batch, row, one)
                    what = f"log-probability of hypothesis {place + 1} of row {row}, by {name}"
                    yield what, difference(torch.tensor(one.log_probability), given)
