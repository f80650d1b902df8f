"""Units that keep what they hold."""

import pytest
import torch

from seqnet.cells.lstm import LSTM
from seqnet.cells.zoneout_lstm import ZoneoutLSTM
from seqnet.draws import drawing
from seqnet.layers.layer import Layer
from seqnet.state import LSTMState, select

KEY = (1, 2, 3, 4)
TIME, ROWS, WIDTH, SIZE = 6, 4, 3, 50


@pytest.fixture
def given():
    torch.manual_seed(0)
    return torch.randn(ROWS, WIDTH), LSTMState(torch.randn(ROWS, SIZE), torch.randn(ROWS, SIZE))


def made(**options):
    """With the weights of an LSTM, and that."""
    torch.manual_seed(1)
    plain, cell = LSTM(WIDTH, SIZE), ZoneoutLSTM(WIDTH, SIZE, **options)
    cell.load_state_dict(plain.state_dict(), strict=False)
    return cell, plain


def test_in_training_a_unit_is_as_the_lstm_makes_it_or_as_it_was(given):
    cell, plain = made(zoneout_cell=0.5, zoneout_hidden=0.25)
    _, after = plain(*given)
    _, state = cell(*given)
    for found, before, new, share in zip(state, given[1], after, (0.25, 0.5), strict=True):
        kept = found == before
        torch.testing.assert_close(found, torch.where(kept, before, new))
        assert abs(kept.double().mean() - share) < 3 * (share * (1 - share) / kept.numel()) ** 0.5
    assert 0 < ((state.cell == given[1].cell) & (state.hidden != given[1].hidden)).sum()  # apart from each other


def test_in_evaluation_it_is_what_is_expected_of_training(given):
    cell, plain = made(zoneout_cell=0.5, zoneout_hidden=0.25)
    _, after = plain(*given)
    _, state = cell.eval()(*given)
    for found, before, new, share in zip(state, given[1], after, (0.25, 0.5), strict=True):
        torch.testing.assert_close(found, share * before + (1 - share) * new)


@pytest.mark.parametrize("training", [True, False])
def test_without_zoneout_it_is_the_lstm(given, training):
    cell, plain = made(zoneout_cell=0, zoneout_hidden=0)
    for found, wanted in zip(cell.train(training)(*given)[1], plain(*given)[1], strict=True):
        assert torch.equal(found, wanted)


def test_a_window_draws_the_same_again_and_however_its_rows_are_shared_out(given):
    cell, _ = made()
    layer, x, state = Layer(cell), torch.randn(ROWS, TIME, WIDTH), given[1]

    def run(rows):
        with drawing(KEY, rows.start):
            return layer(x[rows], select(state, torch.arange(ROWS)[rows]))[0]

    whole = run(slice(0, ROWS))
    assert torch.equal(run(slice(0, ROWS)), whole)
    parts = torch.cat([run(slice(0, 1)), run(slice(1, ROWS))])
    torch.testing.assert_close(parts, whole)
    assert not torch.equal(layer(x, state)[0], whole)  # outside of any window the draws are others


def test_what_stays_is_told_by_forget_gate_and_zoneout(given):
    """The derivative of the cell after by the one before, in evaluation."""
    cell, _ = made()
    x, state = given
    before = state.cell.requires_grad_()
    _, after = cell.eval()(x, LSTMState(state.hidden, before))
    (slope,) = torch.autograd.grad(after.cell.sum(), before)
    torch.testing.assert_close(cell.gates(x, state)[cell.keeps], slope)
