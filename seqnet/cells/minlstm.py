"""The minLSTM of Feng et al. (2024), "Were RNNs all we needed?": section 3.2, and for log space appendix B.3."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.pooling import Bend, pool, pool_once
from seqnet.cells.projected import Projected
from seqnet.linear import linear
from seqnet.options import number
from seqnet.state import HiddenState


class MinLSTM(Projected):
    """h_t = f' h_{t-1} + i' g(W_h x_t + b_h) with f' = f / (f + i) and i' = i / (f + i); g is `pooling.positive`.

    f and i are sigmoids of W x_t + b: no gate sees h_{t-1}, so a whole sequence is one product and one scan. Weights
    stand in the order f i h. forget_bias: what f's bias begins at; the larger, the longer h is kept. The others begin
    at 0. content: `positive`, or `linear`: without g, as their section 3.2 has it. Raises ConfigurationError for an
    unknown one.
    """

    keeps = "forget"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: Annotated[float, number(least=-1000, most=1000)] = 1.0,
        content: Literal["positive", "linear"] = "positive",
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        initialisation.one_of("cell.content", content, ("positive", "linear"))
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.content: Bend = content
        self.weight = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.bias = nn.Parameter(torch.zeros(3 * hidden_size))
        initialisation.uniform(self.weight, input_size)
        nn.init.constant_(self.bias[:hidden_size], forget_bias)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros [batch hidden]."""
        return HiddenState(self.weight.new_zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """i' before a sigmoid, and the new content before g. x: [... input]; returns [... 2*hidden]."""
        f, i, content = linear(x, self.weight, self.bias).chunk(3, dim=-1)
        # i / (f + i) = sigmoid(log i - log f), which stays right where both gates are shut.
        return torch.cat([F.logsigmoid(i) - F.logsigmoid(f), content], dim=-1)

    def step(self, projected: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """The rest of a step: the new hidden state [batch hidden] twice, as output and as state."""
        hidden = pool_once(projected, state.hidden, self.content)
        return hidden, HiddenState(hidden)

    def scan(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """All steps of x [batch time input]: the hidden states [batch time hidden] twice."""
        hidden = pool(self.project(x), state.hidden, self.content)
        return hidden, HiddenState(hidden)

    def gates(self, x: Tensor, state: HiddenState) -> dict[str, Tensor]:
        """How much of h_{t-1} stays, f', [... hidden]. x: [... input]; state: before the step."""
        return {"forget": torch.sigmoid(-self.project(x).chunk(2, dim=-1)[0])}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}"
