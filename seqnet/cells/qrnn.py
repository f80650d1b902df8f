"""The quasi-recurrent network of Bradbury et al. (2017), with fo-pooling (their equation 4)."""

from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.pooling import pool, pool_once
from seqnet.linear import linear
from seqnet.options import whole


class QRNNState(NamedTuple):
    """State of a `QRNN`."""

    hidden: Tensor  # [batch hidden]: c of the equations, of which the output is made
    past: Tensor  # [batch window-1 input]: the inputs before the next one, from the earliest on; 0 before the first


class QRNN(nn.Module):
    """c_t = f c_{t-1} + (1 - f) tanh(z), output o c_t; f, z and o are W [x_{t-k+1} ... x_t] + b, f and o by a sigmoid.

    The gates see the last k = `window` inputs and no state, so a whole sequence is one product and one scan. Weights
    stand in the order f z o. forget_bias: what f's bias begins at; the others begin at 0.
    """

    keeps = "forget"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        window: Annotated[int, whole(2, 1000)] = 2,
        forget_bias: initialisation.ForgetBias = 1.0,
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.window = window
        self.weight = nn.Parameter(torch.empty(3 * hidden_size, window * input_size))
        self.bias = nn.Parameter(torch.zeros(3 * hidden_size))
        initialisation.uniform(self.weight, window * input_size)
        nn.init.constant_(self.bias[:hidden_size], forget_bias)

    def initial_state(self, batch_size: int) -> QRNNState:
        """Zeros: nothing remembered, and nothing read."""
        return QRNNState(
            self.weight.new_zeros(batch_size, self.hidden_size),
            self.weight.new_zeros(batch_size, self.window - 1, self.input_size),
        )

    def forward(self, x: Tensor, state: QRNNState) -> tuple[Tensor, QRNNState]:
        """One step. x: [batch input]; returns the output [batch hidden] and the new state."""
        seen = torch.cat([state.past, x.unsqueeze(1).to(state.past.dtype)], dim=1)
        gates, o = self._gates(seen.flatten(1))
        hidden = pool_once(gates, state.hidden, "tanh")
        return o * hidden, QRNNState(hidden, seen[:, 1:])

    def scan(self, x: Tensor, state: QRNNState) -> tuple[Tensor, QRNNState]:
        """All steps of x [batch time input]: the outputs [batch time hidden], and the states after each step."""
        seen = torch.cat([state.past, x.to(state.past.dtype)], dim=1)
        gates, o = self._gates(seen.unfold(1, self.window, 1).transpose(2, 3).flatten(2))
        hidden = pool(gates, state.hidden, "tanh")
        return o * hidden, QRNNState(hidden, seen.unfold(1, self.window - 1, 1)[:, 1:].transpose(2, 3))

    def _gates(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """1 - f and z before their nonlinearities side by side, [... 2*hidden], and o. seen: [... window*input]."""
        f, z, o = linear(seen, self.weight, self.bias).chunk(3, dim=-1)
        return torch.cat([-f, z], dim=-1), torch.sigmoid(o)

    def gates(self, x: Tensor, state: QRNNState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        gates, o = self._gates(torch.cat([state.past.flatten(-2), x], dim=-1))
        return {"forget": torch.sigmoid(-gates.chunk(2, dim=-1)[0]), "output": o}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}, window={self.window}"
