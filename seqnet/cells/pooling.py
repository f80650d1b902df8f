"""h_t = (1 - z_t) h_{t-1} + z_t n_t for a whole sequence, where neither z nor n depends on h_{t-1}.

It is a linear recurrence (f-pooling in Bradbury et al. 2017), which goes three ways that agree: by a compiled function
on a CPU, step by step by torch's operators where there is none or in double precision, and on a GPU for all steps at
once by a scan in log space (Heinsen 2023; Feng et al. 2024, appendix B).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqnet.cells import native

Bend = Literal["linear", "tanh", "positive"]
KINDS: tuple[Bend, ...] = ("linear", "tanh", "positive")  # as the compiled function counts them
LEAST = -100.0
"""Log of what is kept, below which nothing is: sums of smaller ones would leave no digits for the others."""


def positive(x: Tensor) -> Tensor:
    """x + 0.5 from 0 on, sigmoid(x) below: g of Feng et al. (2024), appendix B.3, never below 0."""
    return torch.where(x >= 0, x + 0.5, torch.sigmoid(x))


def pool(gates: Tensor, start: Tensor, bend: Bend) -> Tensor:
    """All states [batch time hidden] after `start` [batch hidden].

    gates: z before its sigmoid and beside it n before it is bent, [batch time 2*hidden].
    """
    gates, start = gates.to(start.dtype), start.expand(len(gates), -1)
    states: Tensor = _Pool.apply(_way(gates), bend, gates.contiguous(), start.contiguous())  # type: ignore[no-untyped-call]
    return states


def pool_once(gates: Tensor, before: Tensor, bend: Bend) -> Tensor:
    """The next state [batch hidden] after `before`. gates: of one step, [batch 2*hidden]."""
    z, n = _opened(gates.to(before.dtype), bend)
    return torch.lerp(before, n, z)


def _opened(gates: Tensor, bend: Bend) -> tuple[Tensor, Tensor]:
    z, n = gates.chunk(2, dim=-1)
    return torch.sigmoid(z), n if bend == "linear" else torch.tanh(n) if bend == "tanh" else positive(n)


def _way(gates: Tensor) -> str:
    if not gates.is_cpu:
        return "log space"
    return "compiled" if native.takes(gates) else "operators"


class _Pool(torch.autograd.Function):
    """`pool` by one of its ways. The way back is the same recurrence, from the last step to the first."""

    @staticmethod
    def forward(ctx, way, bend, gates, start):  # type: ignore[no-untyped-def]
        """gates: [batch time 2*hidden]; start: [batch hidden]; without gaps."""
        if way == "compiled":
            y = gates.new_empty(*gates.shape[:2], start.shape[1])
            native.call("pool_forward", (KINDS.index(bend), *y.shape), gates, start, y)
        elif way == "operators":
            y = _step_by_step(*_opened(gates, bend), start)
        else:
            wide = gates.double()
            z, n = _opened(wide, bend)
            y = scan(F.logsigmoid(-wide.chunk(2, dim=-1)[0]), z * n, start.double()).to(gates.dtype)
        ctx.way, ctx.bend = way, bend
        ctx.save_for_backward(gates, start, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, dy):  # type: ignore[no-untyped-def]
        """The gradients of gates and start."""
        gates, start, y = ctx.saved_tensors
        dy = dy.contiguous()
        d_gates = torch.empty_like(gates)
        if ctx.way == "compiled":
            d_start = torch.empty_like(start)
            sizes = (KINDS.index(ctx.bend), *y.shape)
            native.call("pool_backward", sizes, gates, start, y, dy, d_gates, d_start)
            return None, None, d_gates, d_start
        (x, content), (z, n) = gates.chunk(2, dim=-1), _opened(gates, ctx.bend)
        keep = torch.sigmoid(-x)
        if ctx.way == "operators":
            d = _step_by_step_back(keep, dy)
        else:
            later = F.logsigmoid(-x.double()).roll(-1, dims=1).flip(1)
            d = scan(later, dy.double().flip(1), torch.zeros_like(start, dtype=torch.float64)).flip(1).to(dy.dtype)
        before = torch.cat([start[:, None], y[:, :-1]], dim=1)
        d_x, d_content = d_gates.chunk(2, dim=-1)
        torch.mul(d * z, _slope(content, n, ctx.bend), out=d_content)
        torch.mul(d * (n - before), z * keep, out=d_x)
        return None, None, d_gates, d[:, 0] * keep[:, 0]


def _slope(x: Tensor, n: Tensor, bend: Bend) -> Tensor:
    """The slope at x, where it was bent to n."""
    if bend == "linear":
        return torch.ones_like(x)
    return 1 - n * n if bend == "tanh" else torch.where(x >= 0, 1, n * (1 - n))


def _step_by_step(z: Tensor, n: Tensor, start: Tensor) -> Tensor:
    y, state = torch.empty_like(n), start
    for weight, new, out in zip(z.unbind(1), n.unbind(1), y.unbind(1), strict=True):
        state = torch.lerp(state, new, weight, out=out)
    return y


def _step_by_step_back(keep: Tensor, dy: Tensor) -> Tensor:
    """The states' gradients d_t = dy_t + keep_{t+1} d_{t+1}."""
    d = dy.clone()
    for step in range(dy.shape[1] - 2, -1, -1):
        d[:, step].addcmul_(keep[:, step + 1], d[:, step + 1])
    return d


def scan(log_keep: Tensor, new: Tensor, start: Tensor) -> Tensor:
    """h_t = keep_t h_{t-1} + new_t for all steps at once, [batch time hidden], in double precision.

    With a_t the log of keep_1 ... keep_t it is e^(a_t) times the sum of new_s e^(-a_s), whose logarithms neither
    overflow nor vanish. What is below 0 is summed by itself.
    """
    total = log_keep.clamp(min=LEAST).cumsum(1)
    values = torch.cat([start[:, None], new], dim=1)
    apart = torch.stack([values, -values]).clamp(min=0).log()
    before = F.pad(total, (0, 0, 1, 0))
    above, below = ((apart - before).logcumsumexp(2) + before).exp().unbind(0)
    return (above - below)[:, 1:]
