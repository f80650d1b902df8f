"""A window of the whole length, moved by all of it, gives the gradient of the whole: nothing is cut off on the way."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Batch
from seqnet.checks.asking import by_steps, by_windows
from seqnet.checks.comparing import difference, largest
from seqnet.checks.measured import Measured
from seqnet.checks.recorded import recorded, weighed
from seqnet.checks.subject import Subject, directions, gradients, loss_of

TITLE = "stride = length"
TOLERANCE = 1e-6
APART = 1e-5
"""By how much weights are moved, along a direction of length 1."""


def check(subject: Subject) -> Measured:
    """The loop's gradient with a window of the whole length, and without one; the features that it is of, beside those
    that are made without any; their slope, measured.

    Where rows are cut or read step by step, too, the gradient through states that keep their history.
    """
    parts, whole = subject.assembly(), subject.full
    output = parts.model(whole, None)
    expected = gradients(parts.model, loss_of(parts, output, whole))
    count = weighed(parts, whole)
    mean = [one / count for one in expected]
    for window in (None,) if subject.uncut is not None else (None, whole.time):
        steps = recorded(parts, [whole], window, window, 1, 1)
        yield f"the loop's gradient, training.window={window or 'null'}", largest(steps[0], mean)
    with torch.no_grad():
        yield "features with a gradient, and without", difference(output.features, parts.model(whole, None).features)
    yield "the slope of the features, and their gradient", difference(*_slopes(parts.model, whole))
    if subject.uncut is not None:
        return
    for size, stride in ((4, 4), (5, 2)):
        _, _, told = by_windows(parts.model, whole, whole.windows(size, stride), lambda state: state)
        losses = [loss_of(parts, made, window) for made, window in told if window.num_targets]
        found = gradients(parts.model, torch.stack(losses).sum())
        yield f"the gradient through windows of {size} steps, {stride} apart", largest(found, expected)
    if hasattr(parts.model, "step"):
        found_by_steps, state, features = by_steps(parts.model, whole)
        if features:
            made = found_by_steps[-1] if subject.once_a_row else torch.stack(found_by_steps, dim=1)
            total = loss_of(parts, replace(output, features=made, state=state), whole)
            yield "the gradient through single steps", largest(gradients(parts.model, total), expected)


def _slopes(model: Any, whole: Batch) -> tuple[Tensor, Tensor]:
    """How much features, mixed at random, rise along a random direction of the weights: measured, and by a gradient."""
    moved = directions(model)
    features = model(whole, None).features
    mix = torch.randn(features.shape) / features[0].numel() ** 0.5
    found = gradients(model, (features * mix).sum())
    length = float(torch.stack([direction.square().sum() for _, direction in moved]).sum().sqrt())
    rises = []
    with torch.no_grad():
        for sign in (1, -1):
            for weight, direction in moved:
                weight.add_(direction, alpha=sign * APART / length)
            rises.append((model(whole, None).features * mix).sum())
            for weight, direction in moved:
                weight.sub_(direction, alpha=sign * APART / length)
    each = [(one * direction).sum() for one, (_, direction) in zip(found, moved, strict=True)]
    return (rises[0] - rises[1]) / (2 * APART), torch.stack(each).sum() / length
