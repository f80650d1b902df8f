"""The cells with layer normalisation, beside their equations written out."""

import torch

from seqnet.cells.layer_norm_gru import LayerNormGRU
from seqnet.cells.layer_norm_lstm import LayerNormLSTM
from seqnet.state import HiddenState, LSTMState

EPSILON = 1e-5


def normalised(numbers, gain, bias=0.0):
    mean = sum(numbers) / len(numbers)
    variance = sum((one - mean) ** 2 for one in numbers) / len(numbers)
    return (numbers - mean) / (variance + EPSILON) ** 0.5 * gain + bias


def away(cell):
    """The cell in double precision, each weight away from where it begins."""
    for weight in cell.double().parameters():
        torch.nn.init.uniform_(weight, -1, 1)
    return cell


def test_an_lstm_by_its_equations():
    torch.manual_seed(0)
    cell = away(LayerNormLSTM(3, 2))
    x, h, c = torch.randn(3).double(), torch.randn(2).double(), torch.randn(2).double()
    totals = normalised(cell.weight_ih @ x, cell.of_input.weight) + normalised(
        cell.weight_hh @ h, cell.of_hidden.weight
    )
    i, f, g, o = (totals + cell.bias_ih).view(4, 2)
    after = f.sigmoid() * c + i.sigmoid() * g.tanh()
    wanted = o.sigmoid() * normalised(after, cell.of_cell.weight, cell.of_cell.bias).tanh()
    y, state = cell(x[None], LSTMState(h[None], c[None]))
    torch.testing.assert_close(y[0], wanted)
    torch.testing.assert_close(state.cell[0], after)
    opened = cell.gates(x, LSTMState(h, c))
    torch.testing.assert_close(torch.stack([*opened.values()]), torch.stack([i, f, o]).sigmoid())


def test_a_gru_by_its_equations():
    torch.manual_seed(0)
    cell = away(LayerNormGRU(3, 2))
    x, h = torch.randn(3).double(), torch.randn(2).double()
    of_x, of_h, bias = cell.weight_ih @ x, cell.weight_hh @ h, cell.bias_ih
    gates = normalised(of_x[:4], cell.gates_of_input.weight) + normalised(of_h[:4], cell.gates_of_hidden.weight)
    r, z = (gates + bias[:4]).sigmoid().view(2, 2)
    reset = r * normalised(of_h[4:], cell.new_of_hidden.weight, cell.new_of_hidden.bias)
    n = (normalised(of_x[4:], cell.new_of_input.weight) + bias[4:] + reset).tanh()
    y, _ = cell(x[None], HiddenState(h[None]))
    torch.testing.assert_close(y[0], (1 - z) * n + z * h)
    torch.testing.assert_close(torch.stack([*cell.gates(x, HiddenState(h)).values()]), torch.stack([r, z]))


def test_how_large_inputs_and_recurrent_weights_are_does_not_matter():
    """Which is what is normalised for; epsilon aside."""
    torch.manual_seed(0)
    for cell in (LayerNormLSTM(3, 4), LayerNormGRU(3, 4)):
        x, state = torch.randn(2, 3), cell.initial_state(2)
        state = type(state)(*(torch.randn_like(part) for part in state))
        y, _ = cell(1000 * x, state)
        with torch.no_grad():
            cell.weight_ih *= 1000
            cell.weight_hh *= 1000
        other, _ = cell(x, state)
        torch.testing.assert_close(y, other, atol=1e-3, rtol=1e-3)


def test_they_begin_with_gains_of_one_and_an_open_forget_gate():
    cell = LayerNormLSTM(3, 2, forget_bias=1.5)
    assert cell.bias_ih.tolist() == [0, 0, 1.5, 1.5, 0, 0, 0, 0]
    for one in (cell, LayerNormGRU(3, 2)):
        gains = [module.weight for module in one.modules() if isinstance(module, torch.nn.LayerNorm)]
        assert len(gains) >= 3 and all((gain == 1).all() for gain in gains)


def test_their_gradients_are_those_of_differences():
    torch.manual_seed(0)
    for cell in (away(LayerNormLSTM(2, 3)), away(LayerNormGRU(2, 3))):
        parts = [torch.randn(2, 3).double().requires_grad_() for _ in cell.initial_state(1)]
        x, state = torch.randn(2, 2).double().requires_grad_(), type(cell.initial_state(1))
        assert torch.autograd.gradcheck(
            lambda x, *parts, cell=cell, state=state: (*cell(x, state(*parts))[1],), (x, *parts)
        )
