"""Gates stand where torch has them, in a cell whose weights are called and shaped as torch's are."""

from collections.abc import Callable, Iterator
from itertools import permutations, product
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.checks.comparing import difference
from seqnet.checks.layers import at_work
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.subject import Subject
from seqnet.layers.layer import Layer
from seqnet.state import leaves

TITLE = "gates in torch's order"
TOLERANCE = 1e-7
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
TORCH: dict[tuple[int, int], tuple[str, Callable[..., Any]]] = {  # by gates, and parts of the state
    (4, 2): ("LSTM, i f g o", nn.LSTMCell),
    (3, 1): ("GRU, r z n", nn.GRUCell),
}


def check(subject: Subject) -> Measured:
    """How far a cell is from torch's of the same weights, where it is torch's once its gates stand otherwise."""
    cells: dict[type, Any] = {}
    for caught in at_work(subject.model(), subject.batch):
        if isinstance(caught.layer, Layer):
            cells.setdefault(type(caught.layer.cell), caught.layer.cell)
    found = [one for cell in cells.values() if (one := _judged(cell)) is not None]
    if not found:
        raise DoesNotApply("no cell computes what torch's LSTM or GRU does, whatever the order of its gates")
    yield from found


def _judged(cell: Any) -> tuple[str, float] | None:
    weights = [weight for name in NAMES if isinstance(weight := getattr(cell, name, None), Tensor)]
    if len(weights) < len(NAMES) or len(list(cell.parameters())) > len(NAMES):
        return None
    rows, size = weights[0].shape
    hidden = cell.hidden_size
    parts = leaves(cell.initial_state(1))
    if (rows // hidden, len(parts)) not in TORCH or rows % hidden:
        return None
    name, torchs = TORCH[rows // hidden, len(parts)]
    x = torch.randn(3, size)
    state = [torch.randn(3, hidden) / 2 for _ in parts]
    with torch.no_grad():
        given = type(cell.initial_state(1))(*state)
        y, _ = cell(x, given)
        apart = {order: difference(y, _of_torch(torchs, weights, order, x, state)) for order in _orders(rows // hidden)}
    as_it_is = next(iter(apart))
    if min(apart.values()) > TOLERANCE:
        return None
    return f"{type(cell).__name__} and torch's {name}, of the same weights", apart[as_it_is]


Order = tuple[tuple[int, ...], tuple[int, ...]]
"""Where each of torch's gates is found, and by what it is multiplied before its nonlinearity."""


def _orders(gates: int) -> Iterator[Order]:
    """All orders, torch's first; of three gates also with 1 - z in the place of z."""
    signs = list(product((1, -1), repeat=gates)) if gates == 3 else [(1,) * gates]
    return ((order, sign) for sign in signs for order in permutations(range(gates)))


def _of_torch(torchs: Any, weights: list[Any], order: Order, x: Tensor, state: list[Tensor]) -> Tensor:
    places, signs = order
    made = torchs(x.shape[1], state[0].shape[1])
    for name, weight in zip(NAMES, weights, strict=True):
        blocks = weight.chunk(len(places))
        put = torch.cat([blocks[place] * sign for place, sign in zip(places, signs, strict=True)])
        getattr(made, name).copy_(put)
    answer = made(x, tuple(state) if len(state) > 1 else state[0])
    found: Tensor = answer[0] if isinstance(answer, tuple) else answer
    return found
