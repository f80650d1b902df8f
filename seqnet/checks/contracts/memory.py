"""What was read before counts: every output of a recurrence hears its own step and others, in each direction."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqnet.checks.asking import changed
from seqnet.checks.layers import Caught, at_work
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.sizes import vocabularies
from seqnet.checks.subject import Subject
from seqnet.kinds import Axis
from seqnet.layers.bidirectional import Bidirectional
from seqnet.state import map_state

TITLE = "every output remembers"
TOLERANCE = 0.25
"""A few outputs may be silent but at one step, as relu makes them; a lost direction is half of them."""
DRAWS = 3
"""Weights that are tried."""
STEPS = 10
"""Steps of a layer that are looked at."""
FAR = 16
"""By how much a step of a layer is read otherwise."""
APART = 1e-9
"""What changes by no more is not heard."""


def check(subject: Subject) -> Measured:
    """The share of outputs that hear a single step, or not their own: of layers, of their states, and of the model."""
    model = subject.model()
    layers = at_work(model, subject.full)
    if not layers and (subject.ahead is not None or not hasattr(model, "step")):
        raise DoesNotApply(f"{type(model).__name__} has no recurrent layers")
    layers = [_short(caught) for caught in layers if caught.x.shape[1] > 1]
    if subject.full.time < 2 and not layers:
        raise DoesNotApply("no row has two steps")
    with torch.no_grad():
        for caught in layers:
            yield from _of_layer(caught)
        if subject.full.time > 1 and not _picks(subject):
            yield "features of the model that hear one step only", _least_forgetful(subject)
        yield from _both_ways(subject)


def _least_forgetful(subject: Subject) -> float:
    """The share of features that hear one step only, whatever the weights: relu silences some with these or those."""
    shares = []
    for draw in range(DRAWS):
        shares.append(forgetful(*_features(subject, subject.assembly(draw).model)))
        if shares[-1] <= TOLERANCE:
            break
    return min(shares)


def _picks(subject: Subject) -> bool:
    """Whether features may come of one step alone: each the largest of a row, or heard in a source."""
    return subject.features is Axis.FRAME or "max" in str(subject.config["model"].get("readout"))


def _both_ways(subject: Subject) -> Measured:
    """By how much more outputs of one direction miss their own step than those of the other, whatever the weights."""
    found: dict[str, list[float]] = {}
    for draw in range(DRAWS):
        model, whole = subject.assembly(draw).model, subject.full
        for caught in at_work(model, whole):
            if isinstance(caught.layer, Bidirectional):
                y, heard, _ = _heard(_short(caught))
                found.setdefault(f"outputs of the layer {caught.name}", []).append(lopsided(y, heard))
        if subject.config["model"].get("bidirectional") and subject.features is Axis.STEP and whole.time > 1:
            expected, heard = _features(subject, model)
            found.setdefault("features of the model", []).append(lopsided(expected, heard))
    for name, shares in found.items():
        yield f"{name} that miss their own step in one direction", min(shares)


def _short(caught: Caught) -> Caught:
    """The same with few steps, none of them padding, and each row twice."""
    x, state = caught.x[:, :STEPS], map_state(lambda part: torch.cat([part, part]), caught.state)
    return caught._replace(x=torch.cat([x, x]), state=state, lengths=None)


def _features(subject: Subject, model: Any) -> tuple[Tensor, list[Tensor]]:
    """The features of whole rows, and those with each step in turn read otherwise."""
    batch, sizes = subject.full, vocabularies(subject.source)
    heard = [model(changed(batch, slice(step, step + 1), sizes), None).features for step in range(batch.time)]
    return model(batch, None).features, heard


def _heard(caught: Caught) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The outputs of a layer, and outputs and hidden states with each step in turn read otherwise.

    That is far off, in one copy of each row up, and in the other down, so that one of them wakes what relu silences.
    """
    heard, states = [], []
    rows = len(caught.x) // 2
    for step in range(caught.x.shape[1]):
        x = caught.x.clone()
        x[:rows, step] += FAR
        x[rows:, step] -= FAR
        other, state = caught.layer(x, caught.state)
        heard.append(other)
        states.append(state.hidden)
    return caught.layer(caught.x, caught.state)[0], heard, states


def _of_layer(caught: Caught) -> Measured:
    y, heard, states = _heard(caught)
    final = caught.layer(caught.x, caught.state)[1]
    yield f"outputs of the layer {caught.name} that hear one step only", forgetful(y, heard)
    # Of one step only, relu may silence more of it; a state that is lost is all of it, be it of one direction.
    found = forgetful(final.hidden, states) / 2
    yield f"half of the hidden state after the layer {caught.name} that hears one step only", found


def forgetful(expected: Tensor, heard: Sequence[Tensor]) -> float:
    """The share of features that change, but wherever they stand with one step of what is read alone.

    expected: [batch ... feature]; heard: the same with each step in turn read otherwise.
    """
    changes = torch.stack([(one - expected).abs() > APART for one in heard]).long().sum(0)  # how many steps are heard
    most = changes.flatten(0, -2).amax(0)
    live = most > 0
    return float((most[live] < 2).double().mean()) if live.any() else 1.0


def lopsided(expected: Tensor, heard: Sequence[Tensor]) -> float:
    """By how much the two halves of features [batch time feature] differ in what share is deaf to its own step.

    That is where at some step no row's feature changes with what is read there. heard: as for `forgetful`.
    """
    changes = [(one[:, step] - expected[:, step]).abs() > APART for step, one in enumerate(heard)]
    one, other = torch.stack([change.any(0) for change in changes]).all(0).double().tensor_split(2)
    return abs(float(one.mean() - other.mean()))
