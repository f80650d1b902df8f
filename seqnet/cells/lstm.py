"""The long short-term memory of Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.state import LSTMState


def update(gates: Tensor, cell: Tensor) -> LSTMState:
    """c' = f*c + i*g, h' = o*tanh(c'). gates: [batch 4*hidden], before their nonlinearities, in the order i f g o."""
    i, f, g, o = gates.chunk(4, dim=-1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return LSTMState(torch.sigmoid(o) * torch.tanh(cell), cell)


class LSTM(nn.Module):
    """Gates W_ih x_t + b_ih + W_hh h_{t-1} + b_hh in torch's order i f g o; see `update`.

    forget_bias: what the forget gate's bias begins at (1: Jozefowicz et al. 2015); the other biases begin at 0.
    recurrent_init: how each gate's W_hh begins, `orthogonal` or `uniform`. single_bias: one bias in place of two.
    Raises ConfigurationError for unknown names.
    """

    weight_ih: Tensor  # [4*hidden input]
    weight_hh: Tensor  # [4*hidden hidden]
    bias_ih: Tensor  # [4*hidden]
    bias_hh: Tensor  # [4*hidden]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        recurrent_init: str = "orthogonal",
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

    def initial_state(self, batch_size: int) -> LSTMState:
        """Zeros, [batch hidden] each."""
        zeros = self.weight_hh.new_zeros(batch_size, self.hidden_size)
        return LSTMState(zeros, zeros)

    def forward(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """One step. x: [batch input]; returns the hidden state [batch hidden] and the whole state."""
        gates = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(state.hidden, self.weight_hh, self.bias_hh)
        state = update(gates, state.cell)
        return state.hidden, state

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}"
