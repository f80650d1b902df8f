import torch
from torch import nn

from seqnet.cells.gru import GRU, update
from seqnet.state import HiddenState


def test_update_by_hand_with_the_reset_after_the_product():
    # sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4, tanh(ln 2) = 3/5
    three, two = torch.tensor(3.0).double().log().item(), torch.tensor(2.0).double().log().item()
    from_input = torch.tensor([[three - 1, 1 - three, two - 0.75 * 0.4]]).double()
    from_hidden = torch.tensor([[1.0, -1.0, 0.4]]).double()
    # r = 3/4, z = 1/4, n = tanh(ln 2 - .3 + 3/4*.4) = 3/5, h' = 3/4*3/5 + 1/4*2
    hidden = update(from_input, from_hidden, torch.tensor([[2.0]]).double())
    torch.testing.assert_close(hidden, torch.tensor([[0.95]]).double())


def test_is_torchs_cell():
    cell, other = GRU(3, 5), nn.GRUCell(3, 5)
    for weight in cell.parameters():
        nn.init.normal_(weight)  # biases too: the inner one is where variants of the GRU differ
    other.load_state_dict(cell.state_dict())
    x, hidden = torch.randn(4, 3), torch.randn(4, 5)
    torch.testing.assert_close(cell(x, HiddenState(hidden))[0], other(x, hidden))


def test_uses_the_state_it_is_handed():
    cell = GRU(3, 5)
    x = torch.randn(2, 3)
    assert not torch.allclose(cell(x, cell.initial_state(2))[0], cell(x, HiddenState(torch.ones(2, 5)))[0])


def test_single_bias_is_the_inputs():
    cell = GRU(3, 5, single_bias=True)
    assert [name for name, _ in cell.named_parameters()] == ["weight_ih", "weight_hh", "bias_ih"]
    assert not cell.bias_hh.any()


def test_chrono_draws_biases_by_which_units_keep_for_1_to_so_many_steps():
    torch.manual_seed(0)
    cell = GRU(3, 500, chrono=100)
    r, z, n = cell.bias_ih.detach().chunk(3)
    assert not r.any() and not n.any() and not cell.bias_hh.any()
    steps = z.exp()  # u of log u
    assert steps.min() >= 1 and steps.max() <= 99 and abs(steps.mean() - 50) < 3
