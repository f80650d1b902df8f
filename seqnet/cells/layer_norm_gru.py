"""The GRU with layer normalisation of Ba, Kiros and Hinton (2016), "Layer normalization", supplementary material."""

import torch
from torch import Tensor, nn

from seqnet.cells.gru import GRU, update
from seqnet.linear import linear
from seqnet.state import HiddenState


class LayerNormGRU(GRU):
    """r, z from LN(W_ih x_t) + LN(W_hh h_{t-1}) + b; n = tanh(LN(W_in x_t) + b_in + r * (LN(W_hn h_{t-1}) + b_hn)).

    What r and z get is normalised over both, what n gets for itself; gains begin at 1. h' is as of the GRU: z keeps,
    which in the paper overwrites.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, single_bias=True)
        self.gates_of_input = nn.LayerNorm(2 * hidden_size, bias=False)
        self.gates_of_hidden = nn.LayerNorm(2 * hidden_size, bias=False)
        self.new_of_input = nn.LayerNorm(hidden_size, bias=False)
        self.new_of_hidden = nn.LayerNorm(hidden_size)

    def project(self, x: Tensor) -> Tensor:
        """The input's summand of the gates, normalised, and b. x: [... input]; returns [... 3*hidden]."""
        gates, new = self._apart(linear(x, self.weight_ih))
        return torch.cat([self.gates_of_input(gates), self.new_of_input(new)], dim=-1) + self.bias_ih

    def step(self, projected: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """The rest of a step: the new hidden state [batch hidden] twice, as output and as state."""
        gates, new = self._apart(linear(state.hidden, self.weight_hh))
        from_hidden = torch.cat([self.gates_of_hidden(gates), self.new_of_hidden(new)], dim=-1)
        hidden = update(projected, from_hidden, state.hidden)
        return hidden, HiddenState(hidden)

    def gates(self, x: Tensor, state: HiddenState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        from_input, _ = self._apart(self.project(x))
        from_hidden, _ = self._apart(linear(state.hidden, self.weight_hh))
        r, z = (from_input + self.gates_of_hidden(from_hidden)).sigmoid().chunk(2, dim=-1)
        return {"reset": r, "update": z}

    def _apart(self, product: Tensor) -> tuple[Tensor, Tensor]:
        """Of a product [... 3*hidden] what r and z get, and what n gets."""
        gates, new = product.tensor_split([2 * self.hidden_size], dim=-1)
        return gates, new
