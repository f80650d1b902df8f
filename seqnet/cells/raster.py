"""An LSTM that goes through a picture row by row and sees what stands above, as in van den Oord et al. (2016)."""

from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.cells import initialisation
from seqnet.cells.lstm import update
from seqnet.options import whole

Side = Annotated[int, whole(1, 10_000)]


class RasterState(NamedTuple):
    """State of a `RasterLSTM`."""

    hidden: Tensor  # [batch hidden]
    cell: Tensor  # [batch hidden]
    past: Tensor  # [batch steps input]: the last inputs, from the one that stands above the next pixel on
    place: Tensor  # [batch width*height]: where the next pixel stands, moved round by one each step


class RasterLSTM(nn.Module):
    """An LSTM whose gates see, beside h_{t-1} and x_t, the pixel before, also the pixel above and the place of theirs.

    An input is the pixel before the one that is asked for, so the one above is `width` - 1 inputs earlier; above the
    first row stands nothing. width, height: of the picture, in pixels; behind its last row the places
    begin anew. forget_bias: as of the LSTM.
    """

    keeps = "forget"  # the gate that says how much of what is remembered stays

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        width: Side = 8,
        height: Side = 8,
        forget_bias: initialisation.ForgetBias = 1.0,
    ) -> None:
        super().__init__()
        initialisation.sizes(input_size, hidden_size)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.steps = max(width - 1, 1)  # a picture of one column has the pixel above as the one before
        seen = 2 * input_size + width * height
        self.places = width * height
        self.weight = nn.Parameter(torch.empty(4 * hidden_size, seen + hidden_size))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))
        initialisation.uniform(self.weight, hidden_size)
        with torch.no_grad():
            initialisation.recurrent(recurrent := torch.empty(4 * hidden_size, hidden_size), "orthogonal")
            self.weight[:, seen:] = recurrent
        nn.init.constant_(self.bias[hidden_size : 2 * hidden_size], forget_bias)

    def initial_state(self, batch_size: int) -> RasterState:
        """Before the first pixel: nothing remembered, nothing above, the first place."""
        zeros = self.weight.new_zeros(batch_size, self.hidden_size)
        place = self.weight.new_zeros(batch_size, self.places)
        place[:, 0] = 1
        return RasterState(zeros, zeros, zeros.new_zeros(batch_size, self.steps, self.input_size), place)

    def forward(self, x: Tensor, state: RasterState) -> tuple[Tensor, RasterState]:
        """One step. x: [batch input]; returns the hidden state [batch hidden], and the whole state."""
        hidden, cell = update(self._totals(x, state), state.cell)
        past = torch.cat([state.past[:, 1:], x.unsqueeze(1)], dim=1)
        return hidden, RasterState(hidden, cell, past, state.place.roll(1, dims=-1))

    def _totals(self, x: Tensor, state: RasterState) -> Tensor:
        """The gates before their nonlinearities, in the order i f g o."""
        above, place, hidden = state.past.select(-2, 0).to(x.dtype), state.place.to(x.dtype), state.hidden.to(x.dtype)
        return F.linear(torch.cat([x, above, place, hidden], dim=-1), self.weight, self.bias)

    @property
    def recurrent(self) -> Tensor:
        """The part of the weight that makes the new content g of the hidden state before, [hidden hidden]."""
        return self.weight.chunk(4)[2][:, -self.hidden_size :]

    def gates(self, x: Tensor, state: RasterState) -> dict[str, Tensor]:
        """How far each gate is open, 0 to 1, [... hidden]. x: [... input]; state: before the step."""
        i, f, _, o = self._totals(x, state).sigmoid().chunk(4, dim=-1)
        return {"input": i, "forget": f, "output": o}

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"{self.input_size}, {self.hidden_size}"
