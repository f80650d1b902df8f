"""The LSTM whose hidden state is a projection of its cell."""

import pytest
import torch
from torch import nn

from seqnet.cells.projected_lstm import ProjectedLSTM
from seqnet.layers.unroll import unroll
from seqnet.state import LSTMState


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_it_is_torchs_with_a_projection():
    torch.manual_seed(0)
    cell, other = ProjectedLSTM(3, 4, memory_size=7), nn.LSTM(3, 7, proj_size=4, batch_first=True)
    with torch.no_grad():
        for weight in cell.parameters():
            nn.init.uniform_(weight, -0.5, 0.5)
        for name in ("ih", "hh", "hr"):
            getattr(other, f"weight_{name}_l0").copy_(getattr(cell, f"weight_{name}"))
        other.bias_ih_l0.copy_(cell.bias)
        other.bias_hh_l0.zero_()
    x, hidden, memory = torch.randn(2, 5, 3), torch.randn(2, 4), torch.randn(2, 7)
    y, state = unroll(cell, x, LSTMState(hidden, memory))
    wanted, (last, remembered) = other(x, (hidden[None], memory[None]))
    for found, expected in ((y, wanted), (state.hidden, last[0]), (state.cell, remembered[0])):
        torch.testing.assert_close(found, expected)
    names = {
        "weight_ih": "weight_ih_l0",
        "weight_hh": "weight_hh_l0",
        "weight_hr": "weight_hr_l0",
        "bias": "bias_ih_l0",
    }
    ours = torch.autograd.grad(y.square().sum(), [getattr(cell, name) for name in names])
    theirs = torch.autograd.grad(wanted.square().sum(), [getattr(other, name) for name in names.values()])
    for found, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected)


def test_its_sizes():
    """The cell has four times as much where nothing else is said; hidden_size is what is given on."""
    cell = ProjectedLSTM(3, 4)
    assert [tuple(part.shape) for part in cell.initial_state(2)] == [(2, 4), (2, 16)]
    assert sum(weight.numel() for weight in cell.parameters()) == 64 * (3 + 4 + 1) + 4 * 16
    assert cell.recurrent.shape == (4, 4)
    assert {gate.shape for gate in cell.gates(torch.randn(2, 3), cell.initial_state(2)).values()} == {(2, 16)}


def test_its_state_stays_in_single_precision_under_autocast():
    cell = ProjectedLSTM(3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = cell(torch.randn(2, 3), cell.initial_state(2))
    assert {part.dtype for part in (y, *state)} == {torch.float32}
