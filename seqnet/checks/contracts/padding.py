"""Whatever stands in padding, and however much of it, says nothing."""

import torch

from seqnet.build import Assembly
from seqnet.checks.asking import padded_otherwise, told
from seqnet.checks.comparing import difference, largest, of_states
from seqnet.checks.measured import Measured
from seqnet.checks.subject import Subject, gradients, loss_of

TITLE = "padding does not matter"
TOLERANCE = 1e-6  # losses are summed in single precision


DRAWS = 3
"""Weights that a model is tried with that looks somewhere: what it picks lies in padding by chance."""


def check(subject: Subject) -> Measured:
    """Features, state, loss and gradient of rows with other padding, and more of it."""
    draws = DRAWS if subject.model()(subject.batch, None).attention is not None else 1
    for draw in range(draws):
        yield from _of(subject.assembly(draw), subject)


def _of(parts: Assembly, subject: Subject) -> Measured:
    batch = subject.batch
    other = padded_otherwise(batch)
    expected, found = parts.model(batch, None), parts.model(other, None)
    features, others = told(found), told(expected)
    if subject.once_a_row:
        yield "features", difference(features, others)
    else:
        lengths = batch.lengths if expected.lengths is None else expected.lengths
        for row, length in enumerate(lengths.tolist()):
            yield f"features of row {row}", difference(features[row, :length], others[row, :length])
    looked, sources = found.attention, batch.source_lengths
    if looked is not None and sources is not None and other.source is not None:
        if looked.shape[3] == other.source.shape[1]:  # it looks at the very steps of the source
            ended = torch.arange(looked.shape[3]) >= sources[:, None]
            yield "attention to padding", float(looked.detach().movedim(3, 1)[ended].abs().sum())
    if found.state is not None and not getattr(parts.model, "coverage", False):
        yield "state", of_states(found.state, expected.state)
    total, wanted = loss_of(parts, found, other), loss_of(parts, expected, batch)
    yield "loss", difference(total, wanted)
    yield "gradient", largest(gradients(parts.model, total), gradients(parts.model, wanted))
