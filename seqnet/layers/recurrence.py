"""GRU and vanilla RNN over a whole sequence on a CPU, sooner than torch's own.

torch multiplies by a transposed view in every step, and makes a product for the weights' gradient in every step. Here
the inputs' products are one before the loop, the weights' gradients one after it, and the recurrent weights are laid
out once. The loop is one call of a compiled function where there is one (`cells.native`), else made of torch's
operators, in bulk for all steps where they can be. The functions take and return what torch's own do for one layer.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqnet.cells import native
from seqnet.linear import crossed, linear, products

FEW_STEPS = 4
"""Below so many steps, and where no gradient is wanted, torch's own functions are sooner than a loop of operators."""

MANY = 64
"""Rows from which on a single step without gradient is sooner by the compiled function."""

Times = Callable[[Tensor, Tensor | None], Tensor]


def gru(x: Tensor, hidden: Tensor, weights: Sequence[Tensor], *flags: Any) -> tuple[Tensor, Tensor]:
    """What `torch._VF.gru` returns: outputs [batch time hidden], final state [1 batch hidden]."""
    compiled = _compiled_is_sooner(x)
    if not compiled and _torch_is_sooner(x):
        return torch._VF.gru(x, hidden, weights, *flags)  # type: ignore[call-overload, no-any-return]
    y = _GRU.apply(compiled, x, hidden[0], *weights)  # type: ignore[no-untyped-call]
    return y.transpose(0, 1), y[-1:]


def rnn_tanh(x: Tensor, hidden: Tensor, weights: Sequence[Tensor], *flags: Any) -> tuple[Tensor, Tensor]:
    """What `torch._VF.rnn_tanh` returns."""
    compiled = _compiled_is_sooner(x)
    if not compiled and _torch_is_sooner(x):
        return torch._VF.rnn_tanh(x, hidden, weights, *flags)  # type: ignore[call-overload, no-any-return]
    y = _RNN.apply(compiled, torch.tanh, x, hidden[0], *weights)  # type: ignore[no-untyped-call]
    return y.transpose(0, 1), y[-1:]


def rnn_relu(x: Tensor, hidden: Tensor, weights: Sequence[Tensor], *flags: Any) -> tuple[Tensor, Tensor]:
    """What `torch._VF.rnn_relu` returns."""
    if _torch_is_sooner(x):
        return torch._VF.rnn_relu(x, hidden, weights, *flags)  # type: ignore[call-overload, no-any-return]
    y = _RNN.apply(False, _relu, x, hidden[0], *weights)  # type: ignore[no-untyped-call]
    return y.transpose(0, 1), y[-1:]


def _relu(x: Tensor, out: Tensor) -> Tensor:
    return torch.clamp(x, min=0, out=out)


def _compiled_is_sooner(x: Tensor) -> bool:
    """Whether there are compiled functions, and they are the soonest way for x [batch time input]."""
    if not x.is_cpu or x.dtype != torch.float32 or 0 in x.shape[:2]:
        return False
    if x.shape[1] == 1 and (len(x) < MANY or torch.is_grad_enabled()):
        return False
    return native.library() is not None


def _torch_is_sooner(x: Tensor) -> bool:
    return x.is_cuda or x.shape[1] < FEW_STEPS or not len(x) or not torch.is_grad_enabled()


class _RNN(torch.autograd.Function):
    """h_t = g(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), all steps [time batch hidden]; g is tanh or relu."""

    @staticmethod
    def forward(ctx, compiled, bend, x, hidden, w_ih, w_hh, b_ih, b_hh):  # type: ignore[no-untyped-def]
        """x: [batch time input]; hidden: [batch hidden]."""
        steps = _by_time(x)
        y = linear(steps, w_ih, b_ih + b_hh)
        if compiled:
            _run("tanh_forward", y, w_hh, hidden.contiguous(), y)
        else:
            times, h = products(w_hh.t().contiguous(), len(hidden)), hidden
            for total in y.unbind(0):
                h = bend(times(h, total), out=total)
        ctx.bend, ctx.compiled = bend, compiled
        ctx.save_for_backward(steps, hidden, y, w_ih, w_hh)
        return y

    @staticmethod
    @once_differentiable
    @torch.autocast("cpu", enabled=False)  # as it was in the forward pass
    def backward(ctx, dy):  # type: ignore[no-untyped-def, override]
        """The gradients of x, hidden and the four weights."""
        steps, hidden, y, w_ih, w_hh = ctx.saved_tensors
        if ctx.compiled:
            totals, later = _tanh_back_compiled(y, dy.contiguous(), w_hh)
        else:
            slopes = 1 - y * y if ctx.bend is torch.tanh else (y > 0).to(y.dtype)
            totals, later = _rnn_back(slopes, dy, w_hh)
        dw_ih, dw_hh, bias = _weight_gradients(totals, steps, _before(hidden, y))
        return None, None, _input_gradient(ctx, 2, totals, w_ih), later, dw_ih, dw_hh, bias, bias


def _rnn_back(slopes: Tensor, dy: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients before the nonlinearity [time batch hidden], in the place of its slopes; of hidden."""
    times, later = products(w_hh.contiguous(), dy.shape[1]), dy[-1]
    for n in range(len(dy) - 1, -1, -1):
        later = times(slopes[n].mul_(later), dy[n - 1] if n else None)
    return slopes, later


def _tanh_back_compiled(y: Tensor, dy: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
    """The same with the compiled function."""
    totals, later = torch.empty_like(y), torch.empty_like(y[0])
    _run("tanh_backward", y, w_hh, dy, y, totals, later)
    return totals, later


class _GRU(torch.autograd.Function):
    """h' = (1-z) n + z h with n = tanh(n_x + r n_h), gates in the order r z n; all steps [time batch hidden]."""

    @staticmethod
    def forward(ctx, compiled, x, hidden, w_ih, w_hh, b_ih, b_hh):  # type: ignore[no-untyped-def]
        """x: [batch time input]; hidden: [batch hidden]."""
        steps = _by_time(x)
        size = hidden.shape[1]
        bias = torch.cat([b_ih[: 2 * size] + b_hh[: 2 * size], b_ih[2 * size :]])
        gates = linear(steps, w_ih, bias)
        n_hidden, y = gates.new_empty(2, len(gates), *hidden.shape)
        hidden = hidden.contiguous()
        bias_n = b_hh[2 * size :].contiguous()
        if compiled:
            _run("gru_forward", y, w_hh, bias_n, hidden, gates, n_hidden, y)
        else:
            _gru_steps(gates, hidden, w_hh, bias_n, n_hidden, y)
        ctx.compiled = compiled
        ctx.save_for_backward(steps, hidden, gates, n_hidden, y, w_ih, w_hh)
        return y

    @staticmethod
    @once_differentiable
    @torch.autocast("cpu", enabled=False)  # as it was in the forward pass
    def backward(ctx, dy):  # type: ignore[no-untyped-def, override]
        """The gradients of x, hidden and the four weights."""
        steps, hidden, gates, n_hidden, y, w_ih, w_hh = ctx.saved_tensors
        before = _before(hidden, y)
        back = _gru_back_compiled if ctx.compiled else _gru_back
        d_gates, d_n, dh = back(dy.contiguous(), gates, n_hidden, before, w_hh.contiguous())
        _, dw_hh, db_hh = _weight_gradients(d_gates, None, before)
        d_gates[..., 2 * y.shape[2] :] = d_n  # the input's part of n does not pass by r
        dw_ih, _, db_ih = _weight_gradients(d_gates, steps, None)
        return None, _input_gradient(ctx, 1, d_gates, w_ih), dh, dw_ih, dw_hh, db_ih, db_hh


def _gru_steps(gates: Tensor, hidden: Tensor, w_hh: Tensor, bias_n: Tensor, n_hidden: Tensor, y: Tensor) -> None:
    """Every step by torch's operators: `gates` become r z n, and `n_hidden` and `y` are filled."""
    size = hidden.shape[1]
    times, h = products(w_hh.t().contiguous(), len(hidden)), hidden
    for rz, n, n_h, out in zip(
        gates[..., : 2 * size].unbind(0), gates[..., 2 * size :].unbind(0), n_hidden.unbind(0), y.unbind(0), strict=True
    ):
        from_rz, from_n = times(h, None).tensor_split([2 * size], dim=1)
        r, z = rz.add_(from_rz).sigmoid_().split(size, dim=1)
        torch.add(bias_n, from_n, out=n_h)
        n.addcmul_(r, n_h).tanh_()
        h = torch.lerp(n, h, z, out=out)


def _gru_back(
    dy: Tensor, gates: Tensor, n_hidden: Tensor, before: Tensor, w_hh: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients before the nonlinearities: on the hidden side [time batch 3*hidden], n on the input's; of hidden."""
    r, z, n = _apart(gates).unbind(2)
    # What a state's gradient is to be multiplied by, for all steps in bulk.
    d_gates = _apart(torch.empty_like(gates))
    d_n = (1 - z).mul_(1 - n * n)
    torch.mul(r, d_n, out=d_gates[:, :, 2])
    torch.mul(d_gates[:, :, 2], n_hidden * (1 - r), out=d_gates[:, :, 0])
    torch.mul((before - n).mul_(z), 1 - z, out=d_gates[:, :, 1])
    times, dh = products(w_hh, dy.shape[1]), dy[-1].clone()
    for step in range(len(dy) - 1, -1, -1):
        d_gates[step].mul_(dh[:, None])
        d_n[step].mul_(dh)
        dh = times(d_gates[step].flatten(1), dh.mul_(z[step]))
        if step:
            dh += dy[step - 1]
    return d_gates.flatten(2), d_n, dh


def _gru_back_compiled(
    dy: Tensor, gates: Tensor, n_hidden: Tensor, before: Tensor, w_hh: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same with the compiled function."""
    d_gates, d_n, dh = torch.empty_like(gates), torch.empty_like(dy), torch.empty_like(dy[0])
    _run("gru_backward", dy, w_hh, dy, gates, n_hidden, before, d_gates, d_n, dh)
    return d_gates, d_n, dh


def _run(name: str, like: Tensor, w_hh: Tensor, *arrays: Tensor) -> None:
    """Call a compiled function of the sizes of `like` [time batch hidden]."""
    library, weight = native.library(), w_hh.contiguous()
    assert library is not None
    given = (weight, *arrays, weight.new_empty(library.room(*weight.shape)))
    getattr(library, name)(torch.get_num_threads(), *like.shape, *(array.data_ptr() for array in given))


def _apart(gates: Tensor) -> Tensor:
    """[time batch 3*hidden] as [time batch gate hidden]."""
    return gates.view(*gates.shape[:2], 3, -1)


def _by_time(x: Tensor) -> Tensor:
    """[batch time feature] as [time batch feature], in one piece."""
    return x.transpose(0, 1).contiguous()


def _before(hidden: Tensor, y: Tensor) -> Tensor:
    """The state that every step began from, [time batch hidden]."""
    return torch.cat([hidden[None], y[:-1]])


def _weight_gradients(gradient: Tensor, steps: Tensor | None, before: Tensor | None) -> tuple[Any, Any, Tensor]:
    """Of input weights, recurrent weights and bias, by one product each; None of what is not given."""
    flat = gradient.flatten(0, 1)
    products = [None if part is None else crossed(flat, part.flatten(0, 1)) for part in (steps, before)]
    return products[0], products[1], flat.sum(0)


def _input_gradient(ctx: Any, place: int, gradient: Tensor, weight: Tensor) -> Tensor | None:
    if not ctx.needs_input_grad[place]:
        return None
    return linear(gradient, weight.t()).transpose(0, 1)
