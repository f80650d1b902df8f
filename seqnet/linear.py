"""Matrix products of the library that is the sooner.

torch gives a CPU's products in single precision to MKL, which takes twice oneDNN's time where the processor is not
Intel's. The operator taken here is the one that torch's compiler puts in the place of a linear layer.
"""

from collections.abc import Callable
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW = 4  # rows up to which the weight has to be read from memory anyway
SMALL = 2_000_000  # multiplications up to which what oneDNN does before it begins is not made good
WITH_GRADIENT = 2  # times as many where autograd has to be told in Python

AVAILABLE = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b, but for rounding as torch's. x: [... in]; weight: [out in]; bias: [out]; returns [... out]."""
    graph = _in_a_graph(x, weight, bias)
    if not _sooner(x, weight, graph):
        return F.linear(x, weight, bias)
    if graph:
        return _Linear.apply(x, weight, bias)  # type: ignore[no-untyped-call, no-any-return]
    return _product(x, weight, bias)


def linear_onto(y: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """y + x W^T, in one operation where there is one. y: [rows out]; x: [rows in]; weight: [out in]."""
    graph = _in_a_graph(x, weight, y)
    if not _sooner(x, weight, graph):
        return torch.addmm(y, x, weight.t())
    return y + linear(x, weight) if graph else _sum(x, y, weight)


def products(into: Tensor, rows: int) -> Callable[[Tensor, Tensor | None], Tensor]:
    """What gives x M + y of x [rows in] and y [rows out] or None, for many and one M [in out]; without gradient."""
    weight = into.t()

    def sooner(x: Tensor, plus: Tensor | None) -> Tensor:
        return _product(x, weight, None) if plus is None else _sum(x, plus, weight)

    def usual(x: Tensor, plus: Tensor | None) -> Tensor:
        return x.mm(into) if plus is None else torch.addmm(plus, x, into)

    return sooner if rows > FEW and rows * into.numel() > SMALL and _suits(into) else usual


def crossed(one: Tensor, other: Tensor) -> Tensor:
    """A^T B of A [rows out] and B [rows in]: [out in], without gaps."""
    if len(one) > other.shape[1] and _sooner(other.t(), one.t(), False):
        return linear(other.t(), one.t()).t().contiguous()  # its first factor is copied: that is the smaller copy
    return linear(one.t(), other.t())


class Linear(nn.Linear):
    """torch's linear layer, by `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [... in]; returns [... out]."""
        return linear(x, self.weight, self.bias)


def is_plain(layer: object) -> TypeGuard[nn.Linear]:
    """Whether a layer is one product: what a subclass changes is not known."""
    return type(layer) in (Linear, nn.Linear)


def _in_a_graph(x: Tensor, weight: Tensor, other: Tensor | None) -> bool:
    """Whether autograd has to be told of a product."""
    wanted = x.requires_grad or weight.requires_grad or (other is not None and other.requires_grad)
    return wanted and torch.is_grad_enabled()


def _sooner(x: Tensor, weight: Tensor, graph: bool) -> bool:
    if torch.compiler.is_exporting():  # a graph for any number of rows, of operators that others have too
        return False
    rows = x.numel() // max(1, weight.shape[1])
    least = WITH_GRADIENT * SMALL if graph else SMALL
    return rows > FEW and rows * weight.numel() > least and _suits(weight) and x.dtype == torch.float32


def _suits(weight: Tensor) -> bool:
    return AVAILABLE and weight.is_cpu and weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return found


def _sum(x: Tensor, plus: Tensor, weight: Tensor) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, plus, weight, None, "add")
    return found


class _Linear(torch.autograd.Function):
    """`linear` where a gradient is wanted, which is made of such products again."""

    @staticmethod
    def forward(ctx, x, weight, bias):  # type: ignore[no-untyped-def]
        """x: [... in]; weight: [out in]; bias: [out] or None."""
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @torch.autocast("cpu", enabled=False)  # as it was in the forward pass
    def backward(ctx, dy):  # type: ignore[no-untyped-def]
        """The gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        dy = dy.contiguous()  # rows with gaps, as those of a split, take oneDNN many times as long
        rows = dy.flatten(0, -2)
        dx = linear(dy, weight.t()) if wanted[0] else None
        dw = crossed(rows, x.flatten(0, -2)) if wanted[1] else None
        return dx, dw, rows.sum(0) if wanted[2] else None
