"""The LSTM whose gates see the cell: peepholes, of Gers and Schmidhuber (2000) and Gers et al. (2002)."""

import torch
from torch import Tensor, nn

from seqnet.cells.initialisation import ForgetBias
from seqnet.cells.lstm import LSTM
from seqnet.linear import linear, linear_onto
from seqnet.state import LSTMState


class PeepholeLSTM(LSTM):
    """The LSTM with p_i * c_{t-1} and p_f * c_{t-1} added to its input and forget gates, and p_o * c_t to its output.

    What leaves the cell is tanh(c_t), as in Graves (2013). Peepholes begin at 0, where it is the LSTM. forget_bias: as
    of the LSTM.
    """

    def __init__(self, input_size: int, hidden_size: int, *, forget_bias: ForgetBias = 1.0) -> None:
        super().__init__(input_size, hidden_size, forget_bias=forget_bias, single_bias=True)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_size))  # p_i p_f p_o

    def step(self, projected: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """The rest of a step: the hidden state [batch hidden], and the whole state."""
        _, _, o, cell = self._opened(linear_onto(projected, state.hidden, self.weight_hh), state.cell)
        hidden = o * torch.tanh(cell)
        return hidden, LSTMState(hidden, cell)

    def _opened(self, totals: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gates i f o, and the new cell. totals: what the LSTM's gates i f g o are before their nonlinearities."""
        i, f, g, o = totals.chunk(4, dim=-1)
        at_i, at_f, at_o = self.peepholes.unbind()
        i, f = torch.sigmoid(torch.addcmul(i, at_i, cell)), torch.sigmoid(torch.addcmul(f, at_f, cell))
        cell = torch.addcmul(f * cell, i, torch.tanh(g))
        return i, f, torch.sigmoid(torch.addcmul(o, at_o, cell)), cell

    def gates(self, x: Tensor, state: LSTMState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        i, f, o, _ = self._opened(self.project(x) + linear(state.hidden, self.weight_hh), state.cell)
        return {"input": i, "forget": f, "output": o}
