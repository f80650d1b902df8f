"""Step by step, by a cell or by a model, comes what a whole sequence gives."""

from typing import Any

import torch
from torch import Tensor

from seqnet.checks.asking import by_steps
from seqnet.checks.comparing import difference, largest, of_states
from seqnet.checks.layers import Caught, at_work
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.subject import Subject
from seqnet.layers.layer import Layer
from seqnet.state import State, leaves, map_state, select, with_leaves

TITLE = "step = whole"
TOLERANCE = 1e-7
SINGLE = 1e-4 / TOLERANCE
"""By how much more results in single precision may be apart, in which a layer may be computed by other functions."""


def check(subject: Subject) -> Measured:
    """Each layer and its cell's step, in double and in single precision; the model and its own step."""
    parts = subject.assembly()
    layers = [caught for caught in at_work(parts.model, subject.batch) if isinstance(caught.layer, Layer)]
    steps = hasattr(parts.model, "step") and subject.ahead is None
    if not layers and not steps:
        raise DoesNotApply(subject.ahead or f"{type(parts.model).__name__} has no step and no recurrent layers")
    with torch.no_grad():
        for caught in layers:
            yield from _of_layer(caught, 1.0, "")
        for caught in layers:
            caught.layer.float()
            yield from _of_layer(_in_singles(caught), SINGLE, " in single precision")
            caught.layer.double()
        if steps:
            yield from _of_model(subject)


def _of_layer(caught: Caught, scale: float, how: str) -> Measured:
    y, final = caught.layer(caught.x, caught.state, caught.lengths)
    expected, after = by_hand(caught)
    yield f"outputs of the layer {caught.name} and its cell{how}", difference(y, expected) / scale
    yield f"state of the layer {caught.name} and its cell{how}", of_states(final, after) / scale
    cell = caught.layer.cell
    owner = {name: _owner(type(cell), name) for name in ("forward", "step", "project")}
    if owner["step"] is not None and owner["forward"] is owner["step"]:  # who writes both means the same by both
        state = caught.layer.initial_state(len(caught.x)) if caught.state is None else caught.state
        x = caught.x[:, 0]
        one, other = cell(x, state), cell.step(cell.project(x), state)
        what = f"a step of {type(cell).__name__} by forward, and by project and step{how}"
        yield what, max(difference(one[0], other[0]), of_states(one[1], other[1])) / scale


def _owner(cls: type, name: str) -> type | None:
    return next((each for each in cls.__mro__ if name in vars(each)), None)


def by_hand(caught: Caught) -> tuple[Tensor, State]:
    """Each row on its own, its cell called step by step: outputs [batch time hidden], 0 in padding, and the state."""
    x, cell = caught.x, caught.layer.cell
    first = caught.layer.initial_state(len(x)) if caught.state is None else caught.state
    rows, states = [], []
    for row in range(len(x)):
        inner = select(first, torch.tensor([row]))
        length = x.shape[1] if caught.lengths is None else int(caught.lengths[row])
        outputs = []
        for step in range(length):
            y, inner = cell(x[row : row + 1, step], inner)
            outputs.append(y)
        rows.append(torch.cat([*outputs, x.new_zeros(x.shape[1] - length, caught.layer.size)]))
        states.append(leaves(inner))
    return torch.stack(rows), with_leaves(first, [torch.cat(parts) for parts in zip(*states, strict=True)])


def _in_singles(caught: Caught) -> Caught:
    def single(tensor: Tensor) -> Tensor:
        return tensor.float() if tensor.is_floating_point() else tensor

    return caught._replace(x=single(caught.x), state=map_state(single, caught.state))


def _of_model(subject: Subject) -> Measured:
    model: Any = subject.model()
    whole = subject.full
    output = model(whole, None)
    found, state, features = by_steps(model, whole)
    expected = output.features if features else output.logits()
    if subject.once_a_row:
        yield "the last step and the row", difference(found[-1], expected)
    else:
        apart = [difference(one, expected[:, step]) for step, one in enumerate(found)]
        step = max(range(len(apart)), key=apart.__getitem__)
        yield f"step {step + 1} of the model by itself", apart[step]
    yield "state after single steps", largest(leaves(state), leaves(output.state))
