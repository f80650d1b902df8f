"""The minGRU of Feng et al. (2024), "Were RNNs all we needed?": section 3.1, and for log space appendix B.3."""

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.pooling import Bend, pool, pool_once
from seqnet.cells.projected import Projected
from seqnet.linear import linear
from seqnet.options import number
from seqnet.state import HiddenState


class MinGRU(Projected):
    """h_t = (1 - z_t) h_{t-1} + z_t g(W_h x_t + b_h), z_t = sigmoid(W_z x_t + b_z); g is `pooling.positive`.

    No gate sees h_{t-1}, so a whole sequence is one product and one scan. Weights stand in the order z h.
    update_bias: what b_z begins at; the further below 0, the longer h is kept. b_h begins at 0. content: `positive`, or
    `linear`: without g, as their section 3.1 has it. Raises ConfigurationError for unknown names.
    """

    keeps = "keep"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        update_bias: Annotated[float, number(least=-1000, most=1000)] = 0.0,
        content: Literal["positive", "linear"] = "positive",
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        initialisation.one_of("cell.content", content, ("positive", "linear"))
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.content: Bend = content
        self.weight = nn.Parameter(torch.empty(2 * hidden_size, input_size))
        self.bias = nn.Parameter(torch.zeros(2 * hidden_size))
        initialisation.uniform(self.weight, input_size)
        nn.init.constant_(self.bias[:hidden_size], update_bias)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros [batch hidden]."""
        return HiddenState(self.weight.new_zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """The gate and the new content before their nonlinearities. x: [... input]; returns [... 2*hidden]."""
        return linear(x, self.weight, self.bias)

    def step(self, projected: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """The rest of a step: the new hidden state [batch hidden] twice, as output and as state."""
        hidden = pool_once(projected, state.hidden, self.content)
        return hidden, HiddenState(hidden)

    def scan(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """All steps of x [batch time input]: the hidden states [batch time hidden] twice."""
        hidden = pool(self.project(x), state.hidden, self.content)
        return hidden, HiddenState(hidden)

    def gates(self, x: Tensor, state: HiddenState) -> dict[str, Tensor]:
        """How much of h_{t-1} stays, 1 - z, [... hidden]. x: [... input]; state: before the step."""
        return {"keep": torch.sigmoid(-self.project(x).chunk(2, dim=-1)[0])}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}"
