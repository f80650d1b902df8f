"""What was read before counts: every output of a recurrence hears more than one step, in each direction."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqnet.checks.asking import changed
from seqnet.checks.layers import Caught, at_work
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.sizes import vocabularies
from seqnet.checks.subject import Subject
from seqnet.kinds import Axis

TITLE = "every output remembers"
TOLERANCE = 0.25
"""A few outputs may be silent but at one step, as relu makes them; a lost direction is half of them."""
APART = 1e-9
"""What changes by no more is not heard."""


def check(subject: Subject) -> Measured:
    """The share of outputs that hear a single step: of layers, of their final states, and of the model."""
    model = subject.model()
    layers = at_work(model, subject.full)
    if not layers and (subject.ahead is not None or not hasattr(model, "step")):
        raise DoesNotApply(f"{type(model).__name__} has no recurrent layers")
    layers = [caught for caught in layers if caught.x.shape[1] > 1]
    if subject.full.time < 2 and not layers:
        raise DoesNotApply("no row has two steps")
    with torch.no_grad():
        for caught in layers:
            yield from _of_layer(caught)
        if subject.full.time > 1 and not _picks(subject):
            batch, sizes = subject.full, vocabularies(subject.source)
            heard = [model(changed(batch, slice(step, step + 1), sizes), None).features for step in range(batch.time)]
            expected = model(batch, None).features
            yield "features of the model that hear one step only", forgetful(expected, heard)


def _picks(subject: Subject) -> bool:
    """Whether features may come of one step alone: each the largest of a row, or heard in a source."""
    return subject.features is Axis.FRAME or "max" in str(subject.config["model"].get("readout"))


def _of_layer(caught: Caught) -> Measured:
    y, final = caught.layer(caught.x, caught.state)
    heard, states = [], []
    for step in range(caught.x.shape[1]):
        x = caught.x.clone()
        x[:, step] += 1
        other, state = caught.layer(x, caught.state)
        heard.append(other)
        states.append(state.hidden)
    yield f"outputs of the layer {caught.name} that hear one step only", forgetful(y, heard)
    found = forgetful(final.hidden, states)
    yield f"hidden state after the layer {caught.name} that hears one step only", found


def forgetful(expected: Tensor, heard: Sequence[Tensor]) -> float:
    """The share of features that change, but wherever they stand with one step of what is read alone.

    expected: [batch ... feature]; heard: the same with each step in turn read otherwise.
    """
    changes = torch.stack([(one - expected).abs() > APART for one in heard]).long().sum(0)  # how many steps are heard
    most = changes.flatten(0, -2).amax(0)
    live = most > 0
    return float((most[live] < 2).double().mean()) if live.any() else 1.0
