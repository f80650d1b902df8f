import pytest
import torch
from torch import nn

from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.draws import dropout
from seqnet.layers.layer import Layer
from seqnet.layers.stack import Stack


@pytest.mark.parametrize("fused", [True, False])
def test_two_layers_are_torchs_two_layers(fused):
    module = Stack([Layer(LSTM(3, 5), fused), Layer(LSTM(5, 5), fused)]).double()
    other = nn.LSTM(3, 5, num_layers=2, batch_first=True).double()
    other.load_state_dict(
        {f"{name}_l{i}": weight for i in (0, 1) for name, weight in module.layers[i].cell.state_dict().items()}
    )
    x = torch.randn(2, 6, 3).double()
    y, state = module(x)
    expected, (hidden, cell) = other(x)
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)
    for index in (0, 1):
        torch.testing.assert_close(state[index].hidden, hidden[index], atol=1e-12, rtol=0)
        torch.testing.assert_close(state[index].cell, cell[index], atol=1e-12, rtol=0)


def test_residual_adds_the_input_from_the_second_layer_on():
    first, second = Layer(GRU(5, 5)), Layer(GRU(5, 5))
    x = torch.randn(2, 4, 5)
    below, _ = first(x)
    above, state = second(below)
    y, final = Stack([first, second], residual=True)(x)
    torch.testing.assert_close(y, above + below)
    torch.testing.assert_close(final[1].hidden, state.hidden)  # the state itself has no shortcut
    torch.testing.assert_close(Stack([first], residual=True)(x)[0], below)


def test_residual_leaves_out_layers_whose_widths_differ():
    first, second = Layer(GRU(3, 5)), Layer(GRU(5, 4))
    x = torch.randn(2, 4, 3)
    torch.testing.assert_close(Stack([first, second], residual=True)(x)[0], second(first(x)[0])[0])


def test_dropout_is_between_layers_in_training_and_comes_again_with_the_seed():
    first, second = Layer(GRU(3, 50)), Layer(GRU(50, 4))
    module = Stack([first, second], dropout=0.5)
    x = torch.randn(2, 4, 3)
    torch.manual_seed(5)
    dropped = dropout(first(x)[0], 0.5, training=True)
    torch.manual_seed(5)
    once = module(x)[0]
    torch.testing.assert_close(once, second(dropped)[0])
    assert not torch.allclose(once, module(x)[0])
    torch.testing.assert_close(module.eval()(x)[0], second(first(x)[0])[0])


def test_one_layer_has_nothing_to_drop():
    layer = Layer(GRU(3, 5))
    x = torch.randn(2, 4, 3)
    assert torch.equal(Stack([layer], dropout=0.9)(x)[0], layer(x)[0])
