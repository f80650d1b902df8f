"""Input and hidden state scale each other before the LSTM's step."""

import pytest
import torch

from seqnet.cells.lstm import LSTM
from seqnet.cells.mogrifier_lstm import MogrifierLSTM
from seqnet.state import LSTMState


@pytest.fixture
def given():
    torch.manual_seed(0)
    return torch.randn(2, 3), LSTMState(torch.randn(2, 4), torch.randn(2, 4))


def made(**options):
    plain, cell = LSTM(3, 4), MogrifierLSTM(3, 4, **options)
    cell.load_state_dict(plain.state_dict(), strict=False)
    return cell, plain


def test_three_rounds_by_the_equations(given):
    cell, plain = made(rounds=3)
    x, (hidden, memory) = given
    q1, r2, q3 = (matrix.weight for matrix in cell.rounds)
    x1 = 2 * torch.sigmoid(hidden @ q1.T) * x
    h2 = 2 * torch.sigmoid(x1 @ r2.T) * hidden
    x3 = 2 * torch.sigmoid(h2 @ q3.T) * x1
    wanted = plain(x3, LSTMState(h2, memory))[1]
    for found, expected in zip(cell(*given)[1], wanted, strict=True):
        torch.testing.assert_close(found, expected)
    for name, gate in plain.gates(x3, LSTMState(h2, memory)).items():
        torch.testing.assert_close(cell.gates(*given)[name], gate)


def test_a_low_rank_is_a_product_of_two(given):
    low, full = made(rounds=2, rank=1)[0], MogrifierLSTM(3, 4, rounds=2)
    full.load_state_dict(low.state_dict(), strict=False)
    with torch.no_grad():
        for matrix, parts in zip(full.rounds, low.rounds, strict=True):
            matrix.weight.copy_(parts[1].weight @ parts[0].weight)
    assert all(torch.linalg.matrix_rank(matrix.weight) == 1 for matrix in full.rounds)
    torch.testing.assert_close(low(*given)[0], full(*given)[0])
    assert sum(weight.numel() for weight in low.rounds.parameters()) == 2 * (3 + 4)


@pytest.mark.parametrize("rounds", [0, 5])
def test_without_rounds_or_with_matrices_of_zeros_it_is_the_lstm(given, rounds):
    cell, plain = made(rounds=rounds)
    for matrix in cell.rounds:
        torch.nn.init.zeros_(matrix.weight)
    assert torch.equal(cell(*given)[0], plain(*given)[0])


def test_its_gradients_are_those_of_differences(given):
    cell, _ = made(rounds=4)
    x, state = given
    parts = [part.double().requires_grad_() for part in (x, *state)]
    assert torch.autograd.gradcheck(lambda x, *state: (*cell.double()(x, LSTMState(*state))[1],), parts)
