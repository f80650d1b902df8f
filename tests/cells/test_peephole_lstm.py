"""Gates that see the cell."""

import torch

from seqnet.cells.lstm import LSTM
from seqnet.cells.peephole_lstm import PeepholeLSTM
from seqnet.state import LSTMState


def test_by_hand():
    """W = 0, so that the gates see the cell alone: c = 1 before; sigmoid(ln 3) = 3/4, tanh(ln 2) = 3/5."""
    cell = PeepholeLSTM(1, 1, forget_bias=0.0).double()
    three, two = torch.tensor(3.0).double().log(), torch.tensor(2.0).double().log()
    after = 0.25 * 1 + 0.75 * 0.6  # f c + i g
    with torch.no_grad():
        for weight in (cell.weight_ih, cell.weight_hh):
            weight.zero_()
        cell.bias_ih[2] = two
        cell.peepholes[:, 0] = torch.stack([three, -three, three / after])  # the last one sees the new cell
    one = torch.ones(1, 1).double()
    y, state = cell(one, LSTMState(one, one))
    torch.testing.assert_close(state.cell.item(), after)
    torch.testing.assert_close(y, 0.75 * torch.tanh(state.cell))
    opened = {name: gate.item() for name, gate in cell.gates(one, LSTMState(one, one)).items()}
    torch.testing.assert_close(opened, {"input": 0.75, "forget": 0.25, "output": 0.75})


def test_without_peepholes_it_is_the_lstm_which_it_begins_as():
    torch.manual_seed(0)
    cell, plain = PeepholeLSTM(3, 4), LSTM(3, 4)
    cell.load_state_dict(plain.state_dict(), strict=False)
    x, state = torch.randn(2, 3), LSTMState(torch.randn(2, 4), torch.randn(2, 4))
    for found, wanted in zip(cell(x, state)[1], plain(x, state)[1], strict=True):
        torch.testing.assert_close(found, wanted)


def test_its_gradients_are_those_of_differences():
    torch.manual_seed(0)
    cell = PeepholeLSTM(2, 3).double()
    torch.nn.init.uniform_(cell.peepholes, -1, 1)
    parts = [torch.randn(2, size).double().requires_grad_() for size in (2, 3, 3)]
    weights = [cell.peepholes.detach().clone().requires_grad_()]

    def step(peepholes, x, *state):
        return (*torch.func.functional_call(cell, {"peepholes": peepholes}, (x, LSTMState(*state)))[1],)

    assert torch.autograd.gradcheck(step, (*weights, *parts))
