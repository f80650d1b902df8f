"""The LSTM whose hidden state is a projection of a wider cell: LSTMP, of Sak, Senior and Beaufays (2014)."""

import torch
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.initialisation import ForgetBias
from seqnet.cells.lstm import update
from seqnet.cells.projected import Projected
from seqnet.linear import linear, linear_onto
from seqnet.options import Width
from seqnet.state import LSTMState


class ProjectedLSTM(Projected):
    """h_t = W_hr m_t, with m_t what the LSTM's hidden state would be: torch's LSTM with `proj_size`, with one bias.

    So of `hidden_size` numbers each, which are given on and read again, a cell of more remembers. memory_size: units of
    the cell; None = four times as many. forget_bias: as of the LSTM.
    """

    keeps = "forget"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        memory_size: Width | None = None,
        forget_bias: ForgetBias = 1.0,
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.memory_size = size = 4 * hidden_size if memory_size is None else memory_size
        self.weight_ih = nn.Parameter(torch.empty(4 * size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * size, hidden_size))
        self.weight_hr = nn.Parameter(torch.empty(hidden_size, size))
        self.bias = nn.Parameter(torch.zeros(4 * size))
        for weight in (self.weight_ih, self.weight_hh, self.weight_hr):
            initialisation.uniform(weight, size)
        nn.init.constant_(self.bias[size : 2 * size], forget_bias)

    def initial_state(self, batch_size: int) -> LSTMState:
        """Zeros: hidden [batch hidden], cell [batch memory]."""
        hidden = self.weight_hh.new_zeros(batch_size, self.hidden_size)
        return LSTMState(hidden, hidden.new_zeros(batch_size, self.memory_size))

    def project(self, x: Tensor) -> Tensor:
        """The input's part of the gates, and the bias. x: [... input]; returns [... 4*memory]."""
        return linear(x, self.weight_ih, self.bias)

    def step(self, projected: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """The rest of a step: the hidden state [batch hidden], and the whole state."""
        wide, cell = update(linear_onto(projected, state.hidden, self.weight_hh), state.cell)
        hidden = linear(wide, self.weight_hr).to(cell.dtype)  # a state is carried in full, under autocast too
        return hidden, LSTMState(hidden, cell)

    @property
    def recurrent(self) -> Tensor:
        """From a hidden state to the next one by the new content g, [hidden hidden]."""
        return self.weight_hr @ self.weight_hh.chunk(4)[2]

    def gates(self, x: Tensor, state: LSTMState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... memory]. x: [... input]; state: before the step."""
        i, f, _, o = (self.project(x) + linear(state.hidden, self.weight_hh)).sigmoid().chunk(4, dim=-1)
        return {"input": i, "forget": f, "output": o}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}, memory_size={self.memory_size}"
