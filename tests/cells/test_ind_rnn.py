"""Units that hear of the past only themselves."""

import re

import pytest
import torch

from seqnet.cells.ind_rnn import IndRNN
from seqnet.cells.rnn import RNN
from seqnet.errors import ConfigurationError
from seqnet.layers.unroll import unroll
from seqnet.layers.weight_drop import recurrent_weights
from seqnet.state import HiddenState


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
def test_it_is_an_rnn_with_a_diagonal_matrix(nonlinearity):
    torch.manual_seed(0)
    cell, plain = IndRNN(3, 5, nonlinearity=nonlinearity), RNN(3, 5, nonlinearity=nonlinearity, single_bias=True)
    torch.nn.init.uniform_(cell.bias, -0.5, 0.5)
    with torch.no_grad():
        plain.weight_ih.copy_(cell.weight_ih)
        plain.weight_hh.copy_(cell.recurrent)
        plain.bias_ih.copy_(cell.bias)
    x, before = torch.randn(2, 6, 3), HiddenState(torch.randn(2, 5))
    y, _ = unroll(cell, x, before)
    wanted, _ = unroll(plain, x, before)
    torch.testing.assert_close(y, wanted)
    ours = torch.autograd.grad(y.square().sum(), [cell.weight_ih, cell.weight_hh, cell.bias])
    theirs = torch.autograd.grad(wanted.square().sum(), [plain.weight_ih, plain.weight_hh, plain.bias_ih])
    torch.testing.assert_close(ours, (theirs[0], theirs[1].diagonal(), theirs[2]))


def test_by_hand():
    """Without inputs, what is held is multiplied by u in each step: 8 times 1/2 four times is a half."""
    cell = IndRNN(1, 2)
    with torch.no_grad():
        cell.weight_hh.copy_(torch.tensor([0.5, 1.0]))
    y, _ = unroll(cell, torch.zeros(1, 4, 1), HiddenState(torch.tensor([[8.0, 8.0]])))
    assert y[0].tolist() == [[4, 8], [2, 8], [1, 8], [0.5, 8]]


def test_recurrent_weights_begin_in_their_range_and_are_brought_back_into_it():
    cell = IndRNN(3, 100, recurrent_min=0.9, recurrent_max=1.01)
    assert cell.weight_hh.min() >= 0.9 and 1 < cell.weight_hh.max() <= 1.01
    with torch.no_grad():
        cell.weight_hh[:3] = torch.tensor([2.0, -2.0, 0.5])
    cell.constrain()
    torch.testing.assert_close(cell.weight_hh[:3].tolist(), [1.01, -1.01, 0.5])
    free = IndRNN(3, 100, recurrent_max=None)
    assert free.weight_hh.max() <= 1
    with torch.no_grad():
        free.weight_hh[0] = 2
    free.constrain()
    assert free.weight_hh[0] == 2


def test_no_weight_is_dropped_which_would_scale_the_others_up_to_the_power_of_the_steps():
    assert recurrent_weights(IndRNN(3, 4)) == ()


def test_a_range_that_has_none_is_refused():
    sentence = "cell.recurrent_min=2.0 is above 1.0, the most that recurrent weights begin at: lower it, or raise"
    for most in (1.0, None):
        with pytest.raises(ConfigurationError, match=re.escape(sentence)):
            IndRNN(3, 2, recurrent_min=2.0, recurrent_max=most)
