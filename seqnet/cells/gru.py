"""The gated recurrent unit of Cho et al. (2014), as cuDNN and torch compute it."""

from typing import Literal

import torch
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.projected import Projected
from seqnet.linear import linear
from seqnet.state import HiddenState


def update(from_input: Tensor, from_hidden: Tensor, hidden: Tensor) -> Tensor:
    """h' = (1-z)*n + z*h with n = tanh(n_input + r*n_hidden): the reset comes after the product, as in cuDNN.

    from_input, from_hidden: [batch 3*hidden], the two summands of the gates in the order r z n.
    """
    r_input, z_input, n_input = from_input.chunk(3, dim=-1)
    r_hidden, z_hidden, n_hidden = from_hidden.chunk(3, dim=-1)
    r = torch.sigmoid(r_input + r_hidden)
    z = torch.sigmoid(z_input + z_hidden)
    n = torch.tanh(n_input + r * n_hidden)
    return (1 - z) * n + z * hidden


class GRU(Projected):
    """Gates in torch's order r z n, from W_ih x_t + b_ih and W_hh h_{t-1} + b_hh; see `update`.

    recurrent_init: how each gate's W_hh begins, `orthogonal` or `uniform`; biases begin at 0. chrono: the most steps
    between what is read and what it is needed for; the bias of z then begins at log u, with u drawn evenly from 1 to
    chrono - 1 for each unit (Tallec & Ollivier 2018).
    single_bias: the input's bias only. Raises ConfigurationError for unknown names.
    """

    weight_ih: Tensor  # [3*hidden input]
    weight_hh: Tensor  # [3*hidden hidden]
    bias_ih: Tensor  # [3*hidden]
    bias_hh: Tensor  # [3*hidden]
    keeps = "update"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        chrono: initialisation.Horizon | None = None,
        recurrent_init: Literal["orthogonal", "uniform"] = "orthogonal",
        single_bias: bool = False,
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        initialisation.one_of("cell.recurrent_init", recurrent_init, ("orthogonal", "uniform"))
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(3 * hidden_size, hidden_size))
        initialisation.uniform(self.weight_ih, hidden_size)
        initialisation.recurrent(self.weight_hh, recurrent_init)
        initialisation.biases(self, 3 * hidden_size, single_bias)
        if chrono is not None:
            initialisation.chrono(self.bias_ih.detach().chunk(3)[1], chrono)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros [batch hidden]."""
        return HiddenState(self.weight_hh.new_zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """The input's summand of the gates. x: [... input]; returns [... 3*hidden]."""
        return linear(x, self.weight_ih, self.bias_ih)

    def step(self, projected: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """The rest of a step: the new hidden state [batch hidden] twice, as output and as state."""
        from_hidden = linear(state.hidden, self.weight_hh, self.bias_hh)
        hidden = update(projected, from_hidden, state.hidden)
        return hidden, HiddenState(hidden)

    @property
    def recurrent(self) -> Tensor:
        """The part of W_hh that makes the new content n, [hidden hidden]."""
        return self.weight_hh.chunk(3)[2]

    def gates(self, x: Tensor, state: HiddenState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        total = self.project(x) + linear(state.hidden, self.weight_hh, self.bias_hh)
        r, z, _ = total.sigmoid().chunk(3, dim=-1)
        return {"reset": r, "update": z}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}"
