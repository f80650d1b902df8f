"""The LSTM some of whose units keep what they hold, drawn at random in each step: zoneout, of Krueger et al. (2017)."""

import torch
from torch import Tensor

from seqnet.cells.initialisation import ForgetBias
from seqnet.cells.lstm import LSTM
from seqnet.draws import uniform
from seqnet.options import Dropout
from seqnet.state import LSTMState


def zoneout(new: Tensor, before: Tensor, p: float, training: bool) -> Tensor:
    """In training `before` where it is drawn, with probability p, and else `new`; what is expected of it otherwise.

    new, before: [batch hidden], any part of a state.
    """
    if not p:
        return new
    if not training:
        return torch.lerp(new, before, p)
    kept = uniform(*new.shape, device=new.device) < p
    return torch.where(kept, before, new)


class ZoneoutLSTM(LSTM):
    """The LSTM, of whose cell c_t and hidden state h_t units stay as they were (Krueger et al. 2017, section 3.2).

    h_t before its zoneout is made of the cell before that of its own. zoneout_cell, zoneout_hidden: how probable it is
    for a unit. forget_bias: as of the LSTM.
    """

    keeps = "kept"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        zoneout_cell: Dropout = 0.5,
        zoneout_hidden: Dropout = 0.05,
        forget_bias: ForgetBias = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size, forget_bias=forget_bias, single_bias=True)
        self.zoneout_cell, self.zoneout_hidden = zoneout_cell, zoneout_hidden

    def step(self, projected: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """The rest of a step: the hidden state [batch hidden], and the whole state."""
        _, new = super().step(projected, state)
        cell = zoneout(new.cell, state.cell, self.zoneout_cell, self.training)
        hidden = zoneout(new.hidden, state.hidden, self.zoneout_hidden, self.training)
        return hidden, LSTMState(hidden, cell)

    def gates(self, x: Tensor, state: LSTMState) -> dict[str, Tensor]:
        """How far each gate is open, and how much of the cell stays by forget gate and zoneout, 0 to 1, [... hidden].

        x: [... input]; state: before the step.
        """
        found = super().gates(x, state)
        return {**found, "kept": self.zoneout_cell + (1 - self.zoneout_cell) * found["forget"]}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        sizes = super().extra_repr()
        return f"{sizes}, zoneout_cell={self.zoneout_cell}, zoneout_hidden={self.zoneout_hidden}"
