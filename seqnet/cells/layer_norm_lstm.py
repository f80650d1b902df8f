"""The LSTM with layer normalisation of Ba, Kiros and Hinton (2016), "Layer normalization", equations 20 to 22."""

import torch
from torch import Tensor, nn

from seqnet.cells.initialisation import ForgetBias
from seqnet.cells.lstm import LSTM, output_gate_and_cell
from seqnet.linear import linear
from seqnet.state import LSTMState


class LayerNormLSTM(LSTM):
    """Gates LN(W_ih x_t) + LN(W_hh h_{t-1}) + b; c' = f*c + i*g, h' = o*tanh(LN(c')).

    Each product is normalised over all four gates, and scaled by gains that begin at 1. Of the biases that the paper
    adds up, b stands for all. forget_bias: as of the LSTM.
    """

    def __init__(self, input_size: int, hidden_size: int, *, forget_bias: ForgetBias = 1.0) -> None:
        super().__init__(input_size, hidden_size, forget_bias=forget_bias, single_bias=True)
        self.of_input = nn.LayerNorm(4 * hidden_size, bias=False)
        self.of_hidden = nn.LayerNorm(4 * hidden_size, bias=False)
        self.of_cell = nn.LayerNorm(hidden_size)

    def project(self, x: Tensor) -> Tensor:
        """The input's part of the gates, normalised, and the bias. x: [... input]; returns [... 4*hidden]."""
        return self.of_input(linear(x, self.weight_ih)) + self.bias_ih  # type: ignore[no-any-return]

    def step(self, projected: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """The rest of a step: the hidden state [batch hidden], and the whole state."""
        o, cell = output_gate_and_cell(self._totals(projected, state), state.cell)
        hidden = o * torch.tanh(self.of_cell(cell))
        return hidden, LSTMState(hidden, cell)

    def _totals(self, projected: Tensor, state: LSTMState) -> Tensor:
        """The gates before their nonlinearities, in the order i f g o."""
        return projected + self.of_hidden(linear(state.hidden, self.weight_hh))  # type: ignore[no-any-return]

    def gates(self, x: Tensor, state: LSTMState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        i, f, _, o = self._totals(self.project(x), state).sigmoid().chunk(4, dim=-1)
        return {"input": i, "forget": f, "output": o}
