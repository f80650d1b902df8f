"""Whole sequences at once on the weights of our own cells: the same numbers as `unroll`, sooner.

Rows of different lengths are padded and masked, never packed: packing costs torch's fast LSTM its speed.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.layers import recurrence
from seqnet.layers.unroll import padding
from seqnet.state import HiddenState, LSTMState, State

CLOSED = 30_000.0  # far beyond where a sigmoid rounds to exactly 0 or 1, and still a number in half precision

FEW = 16
"""Rows up to which torch's function of one step is the sooner: the one of a sequence costs more to begin. For more rows
an LSTM's own step is, which takes down to a third of the time."""

STEPS: dict[Any, Callable[..., Any]] = {
    torch._VF.lstm: torch._VF.lstm_cell,
    recurrence.gru: torch._VF.gru_cell,
    recurrence.rnn_tanh: torch._VF.rnn_tanh_cell,
    recurrence.rnn_relu: torch._VF.rnn_relu_cell,
}
"""That function, for the one of a sequence."""

Kernel = Callable[..., tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]]


def kernel(cell: object) -> Kernel | None:
    """The function that computes what `cell` computes, torch's or one that is sooner, or None.

    Only our own classes themselves: what a subclass changes is not known here.
    """
    if type(cell) is LSTM:
        return torch._VF.lstm
    if type(cell) is GRU:
        return recurrence.gru
    if type(cell) is RNN and cell.nonlinearity == "tanh":
        return recurrence.rnn_tanh
    if type(cell) is RNN and cell.nonlinearity == "relu":
        return recurrence.rnn_relu
    return None


def run(
    kernel: Kernel, cell: RNN | LSTM | GRU, x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """What `unroll(cell, x, state, lengths)` returns, by one call of `kernel`.

    Under autocast, a GPU computes in autocast's type and a CPU in that of the weights (CPUs without bf16
    units are slower in bf16); the state is returned in the type of the weights either way, so that carrying
    it from window to window loses nothing.
    """
    device = x.device.type
    if not torch.is_autocast_enabled(device):
        return _run(kernel, cell, x, state, lengths, None)
    kept = cell.weight_hh.dtype
    dtype = kept if device == "cpu" else torch.get_autocast_dtype(device)
    with torch.autocast(device, enabled=False):
        y, new = _run(kernel, cell, x.to(dtype), type(state)(*(part.to(dtype) for part in state)), lengths, dtype)
        return y, type(new)(*(part.to(kept) for part in new))


def _run(
    kernel: Kernel,
    cell: RNN | LSTM | GRU,
    x: Tensor,
    state: HiddenState | LSTMState,
    lengths: Tensor | None,
    dtype: torch.dtype | None,
) -> tuple[Tensor, HiddenState | LSTMState]:
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    if len(state.hidden) != len(x):  # one for all rows, as a loop over steps would have it
        state = type(state)(*(part.expand(len(x), -1).contiguous() for part in state))
    ended = None
    if lengths is not None:
        ended = padding(lengths, x.shape[1])[..., None]
        x = x.masked_fill(ended, 0)
        if isinstance(cell, LSTM):
            # A further input, 1 in padding, shuts the input gate and opens the forget gate: the cell is held.
            x = torch.cat([x, ended.to(x.dtype)], dim=-1)
            weights[0] = torch.cat([weights[0], _hold(cell)], dim=1)
    if dtype is not None:
        weights = [weight.to(dtype) for weight in weights]
    if x.is_cuda:
        weights = _contiguous(weights)
    if lengths is None and x.shape[1] == 1 and not x.is_cuda:
        if len(x) <= FEW:
            new = STEPS[kernel](x[:, 0], state if isinstance(state, LSTMState) else state.hidden, *weights)
            parts = new if isinstance(new, tuple) else (new,)
            return parts[0].unsqueeze(1), type(state)(*parts)
        if isinstance(cell, LSTM) and isinstance(state, LSTMState):
            one, after = cell(x[:, 0], state)
            return one.unsqueeze(1), after
    start = tuple(part.unsqueeze(0) for part in state)
    # The flag "train" only keeps what backward needs; there is no dropout inside.
    y, *final = kernel(
        x, start if len(start) > 1 else start[0], weights, True, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    new = [part.squeeze(0) for part in final]
    if lengths is not None and ended is not None:
        # The last hidden state of a row is its last valid output.
        last = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, y.shape[2])
        new[0] = torch.where((lengths > 0)[:, None], y.gather(1, last).squeeze(1), state.hidden)
        y = y.masked_fill(ended, 0)
    return y, type(state)(*new)


def _hold(cell: LSTM) -> Tensor:
    """The column of input weights that holds an LSTM's cell, [4*hidden 1], gates in the order i f g o."""
    column = cell.weight_ih.new_zeros(4, cell.hidden_size, 1)
    column[0] = -CLOSED
    column[1] = CLOSED
    return column.flatten(0, 1)


def _contiguous(weights: list[Tensor]) -> list[Tensor]:
    """The same weights end to end in one piece of memory, which cuDNN would otherwise make with a warning."""
    flat = torch.cat([weight.flatten() for weight in weights])
    parts = flat.split([weight.numel() for weight in weights])
    return [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]
