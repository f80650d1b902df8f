import math

import pytest
import torch
from torch import nn

from seqnet.cells.rnn import RNN
from seqnet.state import HiddenState

FUNCTIONS = {
    "tanh": math.tanh,
    "relu": lambda value: max(value, 0.0),
    "leaky_relu": lambda value: value if value > 0 else 0.01 * value,
    "linear": lambda value: value,
}


@pytest.mark.parametrize("nonlinearity", FUNCTIONS)
def test_one_step_by_hand(nonlinearity):
    cell = RNN(2, 2, nonlinearity=nonlinearity).double()
    cell.weight_ih.data = torch.tensor([[1.0, 2.0], [-1.0, 0.5]]).double()
    cell.weight_hh.data = torch.tensor([[0.5, -0.25], [2.0, 0.0]]).double()
    cell.bias_ih.data = torch.tensor([0.1, -0.5]).double()
    cell.bias_hh.data = torch.tensor([0.2, 0.25]).double()
    y, state = cell(torch.tensor([[0.3, -0.1]]).double(), HiddenState(torch.tensor([[0.4, 0.8]]).double()))
    # 1*.3 + 2*-.1 + .5*.4 - .25*.8 + .1 + .2 = .4        -1*.3 + .5*-.1 + 2*.4 + 0*.8 - .5 + .25 = .2
    expected = torch.tensor([[FUNCTIONS[nonlinearity](0.4), FUNCTIONS[nonlinearity](0.2)]]).double()
    torch.testing.assert_close(y, expected)
    assert torch.equal(state.hidden, y)
    low, _ = cell(torch.tensor([[-1.0, 0.0]]).double(), HiddenState(torch.zeros(1, 2).double()))
    # -1 + .3 = -.7                                          1 - .25 = .75
    torch.testing.assert_close(low[0, 0].item(), FUNCTIONS[nonlinearity](-0.7))
    torch.testing.assert_close(low[0, 1].item(), FUNCTIONS[nonlinearity](0.75))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_is_torchs_cell(nonlinearity):
    cell = RNN(3, 5, nonlinearity=nonlinearity)
    other = nn.RNNCell(3, 5, nonlinearity=nonlinearity)
    other.load_state_dict(cell.state_dict())
    x, hidden = torch.randn(4, 3), torch.randn(4, 5)
    torch.testing.assert_close(cell(x, HiddenState(hidden))[0], other(x, hidden))


def test_uses_the_state_it_is_handed():
    cell = RNN(3, 5)
    x = torch.randn(2, 3)
    assert not torch.allclose(cell(x, cell.initial_state(2))[0], cell(x, HiddenState(torch.ones(2, 5)))[0])


def test_initial_state_is_zero_and_of_the_weights_type():
    hidden = RNN(3, 5).double().initial_state(2).hidden
    assert hidden.dtype == torch.double
    assert torch.equal(hidden, torch.zeros(2, 5).double())
