"""The RNN whose units hear of the past only themselves: IndRNN, of Li et al. (2018)."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.projected import Projected
from seqnet.cells.rnn import NONLINEARITIES
from seqnet.errors import ConfigurationError
from seqnet.linear import linear
from seqnet.options import NotNegative, Positive, shown
from seqnet.state import HiddenState


class IndRNN(Projected):
    """h_t = g(W x_t + u * h_{t-1} + b), with one recurrent weight a unit, and g `relu` or `tanh` (equation 3).

    What a unit holds is multiplied by u^T in T steps. recurrent_min, recurrent_max: between them u begins, uniformly,
    and |u| stays within the larger: the paper has 2^(1/T), or 1 in the limit, so that relu cannot explode. None = no
    bound, and 1 to begin with. Raises ConfigurationError for an unknown name and for a range that has none.
    """

    recurrent_weights: ClassVar[tuple[str, ...]] = ()
    """Of dropping some the others are scaled up, beyond the bound, and to the power of T."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: Literal["relu", "tanh"] = "relu",
        recurrent_min: NotNegative = 0.0,
        recurrent_max: Positive | None = 1.0,
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.nonlinearity = initialisation.one_of("cell.nonlinearity", nonlinearity, ("relu", "tanh"))
        self.recurrent_max = recurrent_max
        most = 1.0 if recurrent_max is None else recurrent_max
        if recurrent_min > most:
            raise ConfigurationError(
                f"cell.recurrent_min={shown(recurrent_min)} is above {shown(most)}, the most that recurrent weights "
                "begin at: lower it, or raise cell.recurrent_max"
            )
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(hidden_size))  # u
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        initialisation.uniform(self.weight_ih, hidden_size)
        nn.init.uniform_(self.weight_hh, recurrent_min, most)

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring u back within its bound, as is done after each step of the optimiser."""
        if self.recurrent_max is not None:
            self.weight_hh.clamp_(-self.recurrent_max, self.recurrent_max)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros [batch hidden]."""
        return HiddenState(self.weight_hh.new_zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """The input's part of the sum, and the bias. x: [... input]; returns [... hidden]."""
        return linear(x, self.weight_ih, self.bias)

    def step(self, projected: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """The rest of a step: the new hidden state [batch hidden] twice, as output and as state."""
        hidden = NONLINEARITIES[self.nonlinearity](torch.addcmul(projected, self.weight_hh, state.hidden))
        return hidden, HiddenState(hidden)

    @property
    def recurrent(self) -> Tensor:
        """u as a matrix, [hidden hidden]."""
        return self.weight_hh.diag()

    def gates(self, x: Tensor, state: HiddenState) -> dict[str, Tensor]:
        """It has none."""
        return {}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}, nonlinearity={self.nonlinearity}"
