"""What the minGRU and the minLSTM of Feng et al. (2024), "Were RNNs all we needed?", have in common."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.pooling import Bend, pool, pool_once
from seqnet.cells.projected import Projected
from seqnet.linear import linear
from seqnet.state import HiddenState

Content = Literal["positive", "linear"]


class Pooled(Projected):
    """h_t = (1 - z_t) h_{t-1} + z_t n_t, of which z_t and n_t are made of x_t alone.

    A class says `parts`, how many numbers a unit needs of its input, of which `gate_and_content` makes two.
    first_bias: what the bias of the first part begins at; the others begin at 0. content: `positive`, or `linear`,
    without a nonlinearity. Raises ConfigurationError for an unknown one.
    """

    parts: ClassVar[int]
    keeps: ClassVar[str]  # the gate that says how much of what is remembered stays

    def __init__(self, input_size: int, hidden_size: int, first_bias: float, content: Content) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        initialisation.one_of("cell.content", content, ("positive", "linear"))
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.content: Bend = content
        self.weight = nn.Parameter(torch.empty(self.parts * hidden_size, input_size))
        self.bias = nn.Parameter(torch.zeros(self.parts * hidden_size))
        initialisation.uniform(self.weight, input_size)
        nn.init.constant_(self.bias[:hidden_size], first_bias)

    def gate_and_content(self, made: Tensor) -> Tensor:
        """z and n before their nonlinearities, [... 2*hidden]. made: of the input, [... parts*hidden]."""
        raise NotImplementedError

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros [batch hidden]."""
        return HiddenState(self.weight.new_zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """`gate_and_content` of an input. x: [... input]; returns [... 2*hidden]."""
        return self.gate_and_content(linear(x, self.weight, self.bias))

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
        return {self.keeps: torch.sigmoid(-self.project(x).chunk(2, dim=-1)[0])}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}"
