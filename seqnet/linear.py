"""Matrix products of the library that is the sooner.

torch gives a CPU's products in single precision to MKL, which takes twice oneDNN's time where the processor is not
Intel's. The operator taken here is the one that torch's compiler puts in the place of a linear layer.

In a loop over time each weight's gradient is a small product a step, and a sum as large as the weight. `Unrolled` has
the loop multiply by weights that need no gradient, and makes each of theirs of all steps at once, by one product.
"""

from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import NamedTuple, Self, TypeGuard

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
    if graph and (loop := _LOOP.get()) is not None and loop.takes(x, weight, bias):
        detached, onto = loop.apart(x, weight, bias)
        return linear_onto(onto, x, detached)
    if not _sooner(x, weight, graph):
        return F.linear(x, weight, bias)
    if graph:
        return _Linear.apply(x, weight, bias)  # type: ignore[no-untyped-call, no-any-return]
    return _product(x, weight, bias)


def linear_onto(y: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """y + x W^T, in one operation where there is one. y: [rows out]; x: [rows in]; weight: [out in]."""
    graph = _in_a_graph(x, weight, y)
    if graph and (loop := _LOOP.get()) is not None and loop.takes(x, weight):
        detached, zero = loop.apart(x, weight, None)
        return linear_onto(y, x, detached) + zero
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


class Unrolled:
    """A context in which a loop over time takes so many steps: `linear` and `linear_onto` leave parameters' gradients.

    They are made when the way back has passed all steps. What a step multiplies must not be changed in place, and
    there are no gradients of gradients: asking for them raises RuntimeError, where the loop's input goes by `once`.
    A single step, such as a decoder's that is fed what it found, has nothing to put together and goes as ever.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.later: dict[tuple[int, int, int], _Later] = {}  # by weight, bias and rows

    def __enter__(self) -> Self:
        self.token = _LOOP.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _LOOP.reset(self.token)

    def once(self, x: Tensor) -> Tensor:
        """x, whose gradient raises RuntimeError where another gradient is to be made of it."""
        return _Once.apply(x) if x.requires_grad and self.steps > 1 else x  # type: ignore[no-untyped-call]

    def takes(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
        """Whether this gradient is made later: of a step [rows in] and what is the same tensor in all steps."""
        same = isinstance(weight, nn.Parameter) and weight.requires_grad and isinstance(bias, nn.Parameter | None)
        plain = x.dim() == 2 and x.dtype == weight.dtype and not torch.is_autocast_enabled(x.device.type)
        return self.steps > 1 and same and plain and not torch.compiler.is_exporting()

    def apart(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """The weight without a gradient, and what is to be added to its product, the bias or zeros [rows out]."""
        key = id(weight), id(bias), len(x)
        later = self.later.get(key)
        if later is None or not later.onto:
            steps: list[_Step] = []
            onto = _WeightGradient.apply(weight, bias, steps, (self.steps, len(x), len(weight)))  # type: ignore[no-untyped-call]
            made = _Later((weight, bias), weight.detach(), steps, list(onto.unbind(0))[::-1])
            later = self.later[key] = made
        later.steps.append(_Step(x.detach(), x._version))
        return later.weight, later.onto.pop()


_LOOP: ContextVar[Unrolled | None] = ContextVar("unrolled", default=None)


class _Step(NamedTuple):
    """What a step multiplied, and which version of it."""

    x: Tensor
    version: int


class _Later(NamedTuple):
    """A weight of a loop, what the steps so far multiplied, and what those to come are added to, the last one first."""

    parameters: tuple[Tensor, Tensor | None]  # kept, so that no other ones come to be known by their numbers
    weight: Tensor
    steps: list[_Step]
    onto: list[Tensor]


class _WeightGradient(torch.autograd.Function):
    """The bias for each step, or zeros, whose gradient is that of all products at once."""

    @staticmethod
    def forward(ctx, weight, bias, steps, shape):  # type: ignore[no-untyped-def]
        """weight: [out in]; bias: [out] or None; shape: [steps rows out]; steps: filled by the loop."""
        ctx.steps = steps
        return (weight.new_zeros(()) if bias is None else bias.detach()).expand(shape)

    @staticmethod
    @torch.autocast("cpu", enabled=False)  # as it was in the forward pass
    def backward(ctx, dy):  # type: ignore[no-untyped-def]
        """The gradients of weight and bias."""
        _refuse_another_gradient()
        if any(x._version != version for x, version in ctx.steps):
            raise RuntimeError("what a step of a loop multiplied has been modified by an inplace operation since")
        x = torch.cat([step.x for step in ctx.steps])
        dy = dy.flatten(0, 1)[: len(x)]
        wanted = ctx.needs_input_grad
        return crossed(dy, x) if wanted[0] else None, dy.sum(0) if wanted[1] else None, None, None


class _Once(torch.autograd.Function):
    """The same tensor."""

    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        """x: any."""
        return x.view_as(x)

    @staticmethod
    def backward(ctx, dx):  # type: ignore[no-untyped-def]
        """Of x."""
        _refuse_another_gradient()
        return dx


def _refuse_another_gradient() -> None:
    if torch.is_grad_enabled():  # only where create_graph=True
        raise RuntimeError("a loop over time has no gradients of gradients: its weights' are made all at once")


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
