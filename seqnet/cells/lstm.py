"""The long short-term memory of Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000)."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqnet.cells import initialisation, native
from seqnet.cells.projected import Projected
from seqnet.kinds import Kind
from seqnet.linear import linear, linear_onto
from seqnet.state import LSTMState


def update(gates: Tensor, cell: Tensor) -> LSTMState:
    """c' = f*c + i*g, h' = o*tanh(c'). gates: [batch 4*hidden], before their nonlinearities, in the order i f g o.

    On a CPU, in single precision, it is one compiled function where there is a compiler; cells of one's own may call
    it too.
    """
    if _compiled(gates, cell):
        return LSTMState(*_Update.apply(gates, cell))  # type: ignore[no-untyped-call]
    o, cell = _by_operators(gates, cell)
    return LSTMState(o * torch.tanh(cell), cell)


def output_gate_and_cell(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """o and c' of `update`, for cells that make their hidden state of them in another way: [batch hidden] each."""
    if _compiled(gates, cell):
        return _OutputGateAndCell.apply(gates, cell)  # type: ignore[no-untyped-call, no-any-return]
    return _by_operators(gates, cell)


def _by_operators(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = gates.chunk(4, dim=-1)
    return torch.sigmoid(o), torch.addcmul(torch.sigmoid(f) * cell, torch.sigmoid(i), torch.tanh(g))


def _compiled(gates: Tensor, cell: Tensor) -> bool:
    return native.takes(gates, cell) and cell.dim() == 2 and gates.shape == (len(cell), 4 * cell.shape[1])


class _Update(torch.autograd.Function):
    """`update` by the compiled functions."""

    @staticmethod
    def forward(ctx, gates, cell):  # type: ignore[no-untyped-def]
        """gates: [batch 4*hidden]; cell: [batch hidden]; returns the new hidden state and cell."""
        return _run(ctx, gates, cell)[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hidden, d_new):  # type: ignore[no-untyped-def]
        """The gradients of gates and cell."""
        kept, cell = ctx.saved_tensors
        batch, size = cell.shape
        d_hidden, d_new = d_hidden.contiguous(), d_new.contiguous()
        d_gates, d_cell = kept.new_empty(batch, 4 * size), torch.empty_like(cell)
        native.call("lstm_backward", (batch, size), d_hidden, d_new, kept, cell, d_gates, d_cell)
        return d_gates, d_cell


class _OutputGateAndCell(_Update):
    """The same, whose hidden state is the output gate: as though tanh(c') were 1."""

    @staticmethod
    def forward(ctx, gates, cell):  # type: ignore[no-untyped-def]
        """gates: [batch 4*hidden]; cell: [batch hidden]; returns the output gate and the new cell."""
        kept, hidden, new = _run(ctx, gates, cell)
        gate, bent = kept.split(cell.shape[1], dim=1)[3:]
        bent.fill_(1)
        return hidden.copy_(gate), new


def _run(ctx: Any, gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gates and tanh(c') [batch 5*hidden], the new hidden state, and the new cell; kept for the way back."""
    gates, cell = gates.contiguous(), cell.contiguous()
    batch, size = cell.shape
    kept = gates.new_empty(batch, 5 * size)
    hidden, new = torch.empty_like(cell), torch.empty_like(cell)
    native.call("lstm_forward", (batch, size), gates, cell, kept, new, hidden)
    ctx.save_for_backward(kept, cell)
    return kept, hidden, new


class LSTM(Projected):
    """Gates W_ih x_t + b_ih + W_hh h_{t-1} + b_hh in torch's order i f g o; see `update`.

    forget_bias: what the forget gate's bias begins at (1: Jozefowicz et al. 2015); the other biases begin at 0.
    chrono: the most steps between what is read and what it is needed for; the forget gate's bias then begins at
    log u, with u drawn evenly from 1 to chrono - 1 for each unit, and the input gate's at -log u (Tallec & Ollivier
    2018). recurrent_init: how each gate's W_hh begins, `orthogonal` or `uniform`. single_bias: one bias in place of
    two. Raises ConfigurationError for unknown names.
    """

    weight_ih: Tensor  # [4*hidden input]
    weight_hh: Tensor  # [4*hidden hidden]
    bias_ih: Tensor  # [4*hidden]
    bias_hh: Tensor  # [4*hidden]
    keeps = "forget"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: initialisation.ForgetBias = 1.0,
        chrono: initialisation.Horizon | None = None,
        recurrent_init: Literal["orthogonal", "uniform"] = "orthogonal",
        single_bias: bool = False,
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        initialisation.one_of("cell.recurrent_init", recurrent_init, ("orthogonal", "uniform"))
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        initialisation.uniform(self.weight_ih, hidden_size)
        initialisation.recurrent(self.weight_hh, recurrent_init)
        initialisation.biases(self, 4 * hidden_size, single_bias)
        nn.init.constant_(self.bias_ih[hidden_size : 2 * hidden_size], forget_bias)
        if chrono is not None:
            i, f, _, _ = self.bias_ih.detach().chunk(4)
            initialisation.chrono(f, chrono)
            i.copy_(-f)

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Which options have no effect here, and why. options: as typed."""
        if options["chrono"] is None:
            return {}
        return {"forget_bias": f"cell.chrono={options['chrono']} draws what the forget gate's bias begins at"}

    def initial_state(self, batch_size: int) -> LSTMState:
        """Zeros, [batch hidden] each."""
        zeros = self.weight_hh.new_zeros(batch_size, self.hidden_size)
        return LSTMState(zeros, zeros)

    def project(self, x: Tensor) -> Tensor:
        """The input's part of the gates, and both biases. x: [... input]; returns [... 4*hidden]."""
        return linear(x, self.weight_ih, self.bias_ih + self.bias_hh)

    def step(self, projected: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """The rest of a step: the hidden state [batch hidden], and the whole state."""
        state = update(linear_onto(projected, state.hidden, self.weight_hh), state.cell)
        return state.hidden, state

    @property
    def recurrent(self) -> Tensor:
        """The part of W_hh that makes the new content g, [hidden hidden]."""
        return self.weight_hh.chunk(4)[2]

    def gates(self, x: Tensor, state: LSTMState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        i, f, _, o = (self.project(x) + linear(state.hidden, self.weight_hh)).sigmoid().chunk(4, dim=-1)
        return {"input": i, "forget": f, "output": o}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}"
