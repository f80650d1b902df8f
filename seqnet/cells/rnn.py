"""The vanilla recurrent network of Elman (1990), and with identity weights the IRNN of Le et al. (2015)."""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.projected import Projected
from seqnet.linear import linear, linear_onto
from seqnet.state import HiddenState

NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,  # slope 0.01 below 0
    "linear": lambda total: total,
}


class RNN(Projected):
    """h_t = g(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), with g `tanh`, `relu`, `leaky_relu` or `linear`.

    recurrent_init: how W_hh begins, `orthogonal`, `uniform` or `identity`; biases begin at 0.
    single_bias: one bias in place of two, as textbooks count. Raises ConfigurationError for unknown names.
    """

    weight_ih: Tensor  # [hidden input]
    weight_hh: Tensor  # [hidden hidden]
    bias_ih: Tensor  # [hidden]
    bias_hh: Tensor  # [hidden]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: Literal["tanh", "relu", "leaky_relu", "linear"] = "tanh",
        recurrent_init: Literal["orthogonal", "uniform", "identity"] = "orthogonal",
        single_bias: bool = False,
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.nonlinearity = initialisation.one_of("cell.nonlinearity", nonlinearity, tuple(NONLINEARITIES))
        initialisation.one_of("cell.recurrent_init", recurrent_init, ("orthogonal", "uniform", "identity"))
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(hidden_size, hidden_size))
        initialisation.uniform(self.weight_ih, hidden_size)
        initialisation.recurrent(self.weight_hh, recurrent_init)
        initialisation.biases(self, hidden_size, single_bias)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros [batch hidden]."""
        return HiddenState(self.weight_hh.new_zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """The input's part of the sum, and both biases. x: [... input]; returns [... hidden]."""
        return linear(x, self.weight_ih, self.bias_ih + self.bias_hh)

    def step(self, projected: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """The rest of a step: the new hidden state [batch hidden] twice, as output and as state."""
        total = linear_onto(projected, state.hidden, self.weight_hh)
        hidden = NONLINEARITIES[self.nonlinearity](total)
        return hidden, HiddenState(hidden)

    @property
    def recurrent(self) -> Tensor:
        """W_hh, [hidden hidden]."""
        return self.weight_hh

    def gates(self, x: Tensor, state: HiddenState) -> dict[str, Tensor]:
        """It has none."""
        return {}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}, nonlinearity={self.nonlinearity}"
