"""The LSTM before whose step input and hidden state scale each other: the mogrifier, of Melis et al. (2020)."""

from typing import Annotated

import torch
from torch import Tensor, nn

from seqnet.cells.initialisation import ForgetBias
from seqnet.cells.lstm import LSTM
from seqnet.linear import Linear
from seqnet.options import Width, whole
from seqnet.state import LSTMState


class MogrifierLSTM(LSTM):
    """In turn x <- 2 sigmoid(Q h) * x and h <- 2 sigmoid(R x) * h, so many rounds of both together; then the LSTM.

    Each round has a matrix of its own (equations 1 and 2), where `rank` is given a product of two through so many
    numbers. forget_bias: as of the LSTM. As what is read of the input hangs on the state, no product is made ahead.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        rounds: Annotated[int, whole(1, 100)] = 5,
        rank: Width | None = None,
        forget_bias: ForgetBias = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size, forget_bias=forget_bias, single_bias=True)
        sizes = [(hidden_size, input_size), (input_size, hidden_size)]
        self.rounds = nn.ModuleList(_through(*sizes[number % 2], rank) for number in range(rounds))

    def forward(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """One step. x: [batch input]; returns the hidden state [batch hidden], and the whole state."""
        x, hidden = self._mogrified(x, state.hidden)
        return super().forward(x, LSTMState(hidden, state.cell))

    def _mogrified(self, x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Input [... input] and hidden state [... hidden] after all rounds."""
        for number, matrix in enumerate(self.rounds):
            if number % 2:
                hidden = 2 * torch.sigmoid(matrix(x)) * hidden
            else:
                x = 2 * torch.sigmoid(matrix(hidden)) * x
        return x, hidden

    def gates(self, x: Tensor, state: LSTMState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        x, hidden = self._mogrified(x, state.hidden)
        return super().gates(x, LSTMState(hidden, state.cell))


def _through(wide: int, size: int, rank: int | None) -> nn.Module:
    """A matrix from `wide` numbers to `size`, of low rank where that is given."""
    if rank is None:
        return Linear(wide, size, bias=False)
    return nn.Sequential(Linear(wide, rank, bias=False), Linear(rank, size, bias=False))
