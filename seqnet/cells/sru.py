"""The simple recurrent unit of Lei et al. (2018), "Simple recurrent units for highly parallelizable recurrence"."""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqnet.cells import initialisation, native
from seqnet.cells.projected import Projected
from seqnet.linear import linear
from seqnet.options import number
from seqnet.state import HiddenState


class SRU(Projected):
    """c_t = f c_{t-1} + (1 - f) W x_t, output r c_t + (1 - r) x_t (equations 1 to 4).

    f = sigmoid(W_f x_t + v_f c_{t-1} + b_f), and r likewise: of the state before a gate sees its own unit only, so no
    product waits for a step. The state's `hidden` is c. Where the input is not as wide as c, the output's highway takes
    W_x x_t in its place. Weights stand in the order f r c, and x.
    forget_bias, highway_bias: what b_f and b_r begin at; the further r's is below 0, the more of the input passes. What
    passes is larger by sqrt(1 + 2 exp(highway_bias)), so that layers upon layers do not shrink it (section 3.2).
    """

    keeps = "forget"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: initialisation.ForgetBias = 1.0,
        highway_bias: Annotated[float, number(least=-80, most=80)] = 0.0,
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.passes = input_size == hidden_size
        self.scale = (1 + 2 * math.exp(highway_bias)) ** 0.5
        self.weight = nn.Parameter(torch.empty((3 if self.passes else 4) * hidden_size, input_size))
        self.peepholes = nn.Parameter(torch.empty(2 * hidden_size))  # v_f, v_r
        self.bias = nn.Parameter(torch.zeros(2 * hidden_size))  # b_f, b_r
        initialisation.uniform(self.weight, input_size / 3)  # a variance of 1 / input_size
        initialisation.uniform(self.peepholes, hidden_size)
        with torch.no_grad():
            self.weight[3 * hidden_size :] *= self.scale
            self.bias[:hidden_size] = forget_bias
            self.bias[hidden_size:] = highway_bias

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros [batch hidden]."""
        return HiddenState(self.weight.new_zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """Both gates, the new content, and what the highway takes, of the input. Returns [... 4*hidden]."""
        bias = torch.cat([self.bias, self.bias.new_zeros(len(self.weight) - len(self.bias))])
        made = linear(x, self.weight, bias)
        return torch.cat([made, x.to(made.dtype) * self.scale], dim=-1) if self.passes else made

    def step(self, projected: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """The rest of a step: the output [batch hidden], and c."""
        before = state.hidden
        f, r, content, x = projected.to(before.dtype).chunk(4, dim=-1)
        v_f, v_r = self.peepholes.chunk(2)
        cell = torch.lerp(content, before, torch.sigmoid(f + v_f * before))
        return torch.lerp(x, cell, torch.sigmoid(r + v_r * before)), HiddenState(cell)

    def scan(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """All steps of x [batch time input]: the outputs and c after each step, [batch time hidden].

        On a CPU, in single precision, by one compiled function where there is a compiler; else step by step.
        """
        projected = self.project(x).to(state.hidden.dtype)
        if native.takes(projected):
            y, cells = _Scan.apply(projected, self.peepholes, state.hidden.expand(len(projected), -1))  # type: ignore[no-untyped-call]
            return y, HiddenState(cells)
        outputs, states = [], []
        for step in projected.unbind(1):
            y, state = self.step(step, state)
            outputs.append(y)
            states.append(state.hidden)
        return torch.stack(outputs, dim=1), HiddenState(torch.stack(states, dim=1))

    def gates(self, x: Tensor, state: HiddenState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        f, r = self.project(x)[..., : 2 * self.hidden_size].chunk(2, dim=-1)
        v_f, v_r = self.peepholes.chunk(2)
        return {"forget": torch.sigmoid(f + v_f * state.hidden), "reset": torch.sigmoid(r + v_r * state.hidden)}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}"


class _Scan(torch.autograd.Function):
    """All steps by the compiled functions."""

    @staticmethod
    def forward(ctx, gates, v, start):  # type: ignore[no-untyped-def]
        """gates: [batch time 4*hidden]; v: [2*hidden]; start: [batch hidden]. Returns outputs and states."""
        gates, v, start = gates.contiguous(), v.contiguous(), start.contiguous()
        cells, y = gates.new_empty(2, *gates.shape[:2], start.shape[1]).unbind(0)
        native.call("sru_forward", y.shape, gates, v, start, cells, y)
        ctx.save_for_backward(gates, v, start, cells)
        return y, cells

    @staticmethod
    @once_differentiable
    def backward(ctx, dy, d_cells):  # type: ignore[no-untyped-def]
        """The gradients of gates, v and start."""
        gates, v, start, cells = ctx.saved_tensors
        d_gates, d_start, d_v = torch.empty_like(gates), torch.empty_like(start), v.new_empty(len(start), len(v))
        given = (gates, v, start, cells, dy.contiguous(), d_cells.contiguous())
        native.call("sru_backward", cells.shape, *given, d_gates, d_v, d_start)
        return d_gates, d_v.sum(0), d_start
