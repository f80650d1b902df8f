"""The sLSTM of Beck et al. (2024), "xLSTM: extended long short-term memory": exponential gates and a stabiliser."""

from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.projected import Projected
from seqnet.errors import ConfigurationError
from seqnet.linear import linear, linear_onto
from seqnet.options import whole


class SLSTMState(NamedTuple):
    """State of an `SLSTM`: n is above 0 once something was read, and where it is not, nothing is remembered."""

    hidden: Tensor  # [batch hidden]
    cell: Tensor  # [batch hidden]: c, divided by e^m
    normaliser: Tensor  # [batch hidden]: n, divided by e^m
    stabiliser: Tensor  # [batch hidden]: m


class SLSTM(Projected):
    """c_t = f c_{t-1} + i z, n_t = f n_{t-1} + i, h_t = o c_t / n_t (equations 8 to 14), stabilised by 15 to 17.

    i = exp(W_i x_t + R_i h_{t-1} + b_i); z is of the same form by tanh, o by a sigmoid, and f by a sigmoid or, with
    forget=exp, by exp. With m_t = max(log f + m_{t-1}, log i) the state holds c and n divided by e^(m_t), so that no
    gate overflows and h stays the same. Weights stand in the order i f z o.
    num_heads: R mixes only units of the same head. forget_bias: what b_f begins at; the others begin at 0.
    recurrent_init: how each head's R begins, `orthogonal` or `uniform`. Raises ConfigurationError for unknown names and
    for heads that do not divide the units.
    """

    keeps = "forget"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget: Literal["sigmoid", "exp"] = "sigmoid",
        num_heads: Annotated[int, whole(1, 10_000)] = 1,
        forget_bias: initialisation.ForgetBias = 1.0,
        recurrent_init: Literal["orthogonal", "uniform"] = "orthogonal",
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        initialisation.one_of("cell.forget", forget, ("sigmoid", "exp"))
        initialisation.one_of("cell.recurrent_init", recurrent_init, ("orthogonal", "uniform"))
        if hidden_size % num_heads:
            raise ConfigurationError(
                f"cell.num_heads={num_heads} does not divide model.hidden_size={hidden_size}: set one that does"
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.forget = forget
        self.num_heads = num_heads
        size = hidden_size // num_heads
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, size))  # R, by gate, then by head
        initialisation.uniform(self.weight_ih, hidden_size)
        initialisation.recurrent(self.weight_hh, recurrent_init)
        nn.init.constant_(self.bias[hidden_size : 2 * hidden_size], forget_bias)

    def initial_state(self, batch_size: int) -> SLSTMState:
        """Zeros, [batch hidden] each: n = 0 says that nothing is remembered, whatever m is."""
        zeros = self.weight_ih.new_zeros(batch_size, self.hidden_size)
        return SLSTMState(zeros, zeros, zeros, zeros)

    def project(self, x: Tensor) -> Tensor:
        """The input's part of the gates, and the biases. x: [... input]; returns [... 4*hidden]."""
        return linear(x, self.weight_ih, self.bias)

    def step(self, projected: Tensor, state: SLSTMState) -> tuple[Tensor, SLSTMState]:
        """The rest of a step: the hidden state [batch hidden], and the whole state."""
        i, f, z, o = self._mixed(projected, state.hidden).chunk(4, dim=-1)
        keep, new, stabiliser = self._stabilised(i, f, state)
        cell = torch.addcmul(new * torch.tanh(z), keep, state.cell)
        normaliser = torch.addcmul(new, keep, state.normaliser)
        # After a step the larger of the two summands' factors is 1, so that n >= 1: only a state that came from
        # elsewhere, as from a bridge, may have less, and its h is to be finite too.
        hidden = torch.sigmoid(o) * cell / normaliser.clamp(min=1)
        return hidden, SLSTMState(hidden, cell, normaliser, stabiliser)

    def _mixed(self, projected: Tensor, hidden: Tensor) -> Tensor:
        """With the hidden state's part. projected: [... 4*hidden]; hidden: [... hidden]."""
        if self.num_heads == 1:
            return _onto(projected, hidden, self.weight_hh)
        heads = hidden.unflatten(-1, (self.num_heads, -1))
        blocks = self.weight_hh.view(4, self.num_heads, -1, heads.shape[-1])
        from_hidden: Tensor = torch.einsum("...nk,gnjk->...gnj", heads, blocks)
        return projected + from_hidden.flatten(-3)

    def _stabilised(self, i: Tensor, f: Tensor, state: SLSTMState) -> tuple[Tensor, Tensor, Tensor]:
        """f' and i', and m_t (equations 15 to 17). i, f: before their nonlinearities."""
        kept = (F.logsigmoid(f) if self.forget == "sigmoid" else f) + state.stabiliser
        kept = torch.where(state.normaliser > 0, kept, -torch.inf)
        stabiliser = torch.maximum(kept, i)
        return torch.exp(kept - stabiliser), torch.exp(i - stabiliser), stabiliser

    @property
    def recurrent(self) -> Tensor:
        """The part of R that makes the new content z, [hidden hidden], 0 between heads."""
        blocks = self.weight_hh.chunk(4)[2]
        whole: Tensor = torch.block_diag(*blocks.chunk(self.num_heads))
        return whole

    def gates(self, x: Tensor, state: SLSTMState) -> dict[str, Tensor]:
        """What share of c_t / n_t is what was there and what is new, and how far o is open, 0 to 1, [... hidden].

        x: [... input]; state: before the step.
        """
        i, f, _, o = self._mixed(self.project(x), state.hidden).chunk(4, dim=-1)
        keep, new, _ = self._stabilised(i, f, state)
        kept = keep * state.normaliser.clamp(min=0)
        return {"input": new / (kept + new), "forget": kept / (kept + new), "output": torch.sigmoid(o)}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        heads = "" if self.num_heads == 1 else f", num_heads={self.num_heads}"
        return f"{self.input_size}, {self.hidden_size}{heads}"


def _onto(projected: Tensor, hidden: Tensor, weight: Tensor) -> Tensor:
    return linear_onto(projected, hidden, weight) if hidden.dim() == 2 else projected + linear(hidden, weight)
