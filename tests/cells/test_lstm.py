import pytest
import torch
from torch import nn

from seqnet.cells import native
from seqnet.cells.lstm import LSTM, output_gate_and_cell, update
from seqnet.state import LSTMState


def test_update_by_hand():
    # sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4, tanh(ln 2) = 3/5
    three, two = torch.tensor(3.0).double().log(), torch.tensor(2.0).double().log()
    gates = torch.stack([three, -three, two, three])[None]  # i f g o
    state = update(gates, torch.tensor([[0.8]]).double())
    cell = 0.25 * 0.8 + 0.75 * 0.6  # = 0.65
    torch.testing.assert_close(state.cell, torch.tensor([[cell]]).double())
    torch.testing.assert_close(state.hidden, 0.75 * torch.tanh(torch.tensor([[0.65]]).double()))


def test_gates_lie_in_the_weights_in_the_order_i_f_g_o():
    cell = LSTM(1, 1, forget_bias=0.0).double()
    large = 50.0  # a gate's bias of that size opens it, its negative closes it
    for bias, before, expected in [
        ((large, large, large, large), 2.0, 3.0),  # f*c + i*1
        ((-large, large, large, large), 2.0, 2.0),  # i closed
        ((large, -large, large, large), 2.0, 1.0),  # f closed
        ((large, large, -large, large), 2.0, 1.0),  # g = -1
        ((large, large, large, -large), 2.0, 3.0),  # o closed: the cell all the same
    ]:
        cell.bias_ih.data = torch.tensor(bias).double()
        y, state = cell(torch.zeros(1, 1).double(), LSTMState(torch.zeros(1, 1).double(), torch.full((1, 1), before)))
        torch.testing.assert_close(state.cell.item(), expected)
        opened = 0.0 if bias[3] < 0 else 1.0
        torch.testing.assert_close(y.item(), opened * torch.tanh(torch.tensor(expected).double()).item())


def test_is_torchs_cell():
    cell, other = LSTM(3, 5), nn.LSTMCell(3, 5)
    other.load_state_dict(cell.state_dict())
    x, hidden, memory = torch.randn(4, 3), torch.randn(4, 5), torch.randn(4, 5)
    y, state = cell(x, LSTMState(hidden, memory))
    expected = other(x, (hidden, memory))
    torch.testing.assert_close(y, expected[0])
    torch.testing.assert_close(tuple(state), expected)


def test_uses_both_parts_of_the_state_it_is_handed():
    cell = LSTM(3, 5)
    x, zeros, ones = torch.randn(2, 3), torch.zeros(2, 5), torch.ones(2, 5)
    plain = cell(x, cell.initial_state(2))[0]
    assert not torch.allclose(plain, cell(x, LSTMState(ones, zeros))[0])
    assert not torch.allclose(plain, cell(x, LSTMState(zeros, ones))[0])


def test_forget_bias_is_the_only_bias_at_first():
    for single in (True, False):
        cell = LSTM(3, 2, forget_bias=1.5, single_bias=single)
        assert (cell.bias_ih + cell.bias_hh).tolist() == [0, 0, 1.5, 1.5, 0, 0, 0, 0]
    assert LSTM(3, 2).bias_ih.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_chrono_draws_biases_by_which_units_forget_in_1_to_so_many_steps():
    torch.manual_seed(0)
    cell = LSTM(3, 500, chrono=100, single_bias=True)
    i, f, g, o = cell.bias_ih.detach().chunk(4)
    assert torch.equal(i, -f) and not g.any() and not o.any()
    steps = f.exp()  # u of log u
    assert steps.min() >= 1 and steps.max() <= 99
    assert steps.mean().item() == pytest.approx(50, abs=3) and steps.std().item() == pytest.approx(98 / 12**0.5, abs=2)


@pytest.mark.skipif(native.library() is None, reason="no compiler here")
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("of", ["both", "first", "cell"])
@pytest.mark.parametrize("function", [update, output_gate_and_cell])
def test_the_compiled_update_is_torchs_operators(function, scale, of):
    """37 units leave a rest to what computes 16 at once; gates and cell are cut out of something larger."""
    drawn = torch.Generator().manual_seed(0)
    gates = torch.randn(5, 160, generator=drawn).mul_(scale)[:, 3:151].requires_grad_()
    cell = torch.randn(5, 40, generator=drawn)[:, 2:39].requires_grad_()
    wanted = [part.detach().double().requires_grad_() for part in (gates, cell)]
    outputs = []
    for given in ([gates, cell], wanted):  # of doubles torch's operators make it
        state = function(*given)
        parts = {"both": [*state], "first": [state[0]], "cell": [state[1]]}[of]
        loss = sum((part * torch.linspace(-1, 1, part.numel()).view_as(part)).sum() for part in parts)
        outputs.append([*state, *torch.autograd.grad(loss, given, materialize_grads=True)])
    for found, expected in zip(*outputs, strict=True):
        torch.testing.assert_close(found.double(), expected, atol=2e-6, rtol=2e-6)


@pytest.mark.skipif(native.library() is None, reason="no compiler here")
def test_the_compiled_update_keeps_what_is_not_a_number():
    gates, cell = torch.zeros(2, 4), torch.zeros(2, 1)
    gates[1, 2] = float("nan")
    state = update(gates, cell)
    assert state.hidden[0].isfinite().all() and state.hidden[1].isnan().all() and state.cell[1].isnan().all()
