import pytest
import torch

from seqnet.cells import initialisation
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.errors import ConfigurationError


@pytest.mark.parametrize(("cell", "gates"), [(RNN, 1), (GRU, 3), (LSTM, 4)])
def test_every_gates_recurrent_weight_is_orthogonal(cell, gates):
    blocks = cell(3, 5).double().weight_hh.unflatten(0, (gates, 5))
    for block in blocks:
        torch.testing.assert_close(block @ block.T, torch.eye(5, dtype=torch.double), atol=1e-6, rtol=0)
    assert len({tuple(block[0].tolist()) for block in blocks}) == gates


@pytest.mark.parametrize("cell", [RNN, GRU, LSTM])
def test_uniform_weights_fill_the_interval_torch_uses(cell):
    weight = cell(3, 100, recurrent_init="uniform").weight_hh
    assert 0.099 < weight.max() <= 0.1
    assert -0.1 <= weight.min() < -0.099


def test_irnn_begins_with_the_identity_and_zero_biases():
    cell = RNN(3, 4, nonlinearity="relu", recurrent_init="identity")
    assert torch.equal(cell.weight_hh, torch.eye(4))
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()


def test_irnn_keeps_its_state_where_the_input_is_zero():
    cell = RNN(3, 4, nonlinearity="relu", recurrent_init="identity")
    state = cell.initial_state(2)._replace(hidden=torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]]))
    assert torch.equal(cell(torch.zeros(2, 3), state)[0], state.hidden)


@pytest.mark.parametrize("cell", [GRU, LSTM])
def test_identity_is_for_the_rnn_alone(cell):
    with pytest.raises(ConfigurationError, match=r"cell\.recurrent_init=identity is not one of orthogonal, uniform"):
        cell(3, 4, recurrent_init="identity")


def test_a_misspelt_option_names_its_key_and_the_nearest():
    with pytest.raises(ConfigurationError, match=r"cell\.nonlinearity=leakyrelu .*did you mean 'leaky_relu'\?"):
        RNN(3, 4, nonlinearity="leakyrelu")
    with pytest.raises(ConfigurationError, match=r"cell\.recurrent_init=ortogonal .*did you mean 'orthogonal'\?"):
        LSTM(3, 4, recurrent_init="ortogonal")


def test_a_width_below_one_is_refused():
    with pytest.raises(ConfigurationError, match="hidden_size must be at least 1, not 0"):
        GRU(3, 0)


def test_single_bias_counts_as_textbooks_do():
    def parameters(cell):
        return sum(weight.numel() for weight in cell.parameters())

    assert parameters(RNN(100, 10, single_bias=True)) == 100 * 10 + 10 * 10 + 10 == 1110
    assert parameters(RNN(100, 10)) == 1120
    assert parameters(LSTM(100, 10, single_bias=True)) == 4 * 1110
    assert parameters(GRU(100, 10, single_bias=True)) == 3 * 1110


@pytest.mark.parametrize("single", [True, False])
def test_only_learnt_biases_are_stored(single):
    assert ("bias_hh" in LSTM(2, 3, single_bias=single).state_dict()) is not single


def test_recurrent_draws_from_the_global_generator_only():
    torch.manual_seed(3)
    first = torch.empty(4, 4)
    initialisation.recurrent(first, "orthogonal")
    torch.manual_seed(3)
    second = torch.empty(4, 4)
    initialisation.recurrent(second, "orthogonal")
    assert torch.equal(first, second)
