import pytest
import torch
from torch import nn

from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.layers.layer import Layer
from seqnet.layers.unroll import padding, unroll
from seqnet.state import HiddenState, leaves


class Accumulator(nn.Module):
    """A cell as a user would write it: the sum of the inputs so far, output doubled."""

    def __init__(self, size):
        super().__init__()
        self.input_size = self.hidden_size = size

    def initial_state(self, batch_size):
        return HiddenState(torch.zeros(batch_size, self.hidden_size))

    def forward(self, x, state):
        total = state.hidden + x
        return 2 * total, HiddenState(total)


def test_a_users_cell_by_hand():
    layer = Layer(Accumulator(1))
    assert layer.realisation == "unrolled"
    x = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])[..., None]
    y, state = layer(x, None, torch.tensor([3, 1, 0]))
    assert y[..., 0].tolist() == [[2, 6, 12], [8, 0, 0], [0, 0, 0]]
    assert state.hidden[:, 0].tolist() == [6, 4, 0]


def test_rows_of_length_zero_keep_the_state_they_came_with():
    y, state = unroll(
        Accumulator(1), torch.ones(2, 3, 1), HiddenState(torch.tensor([[5.0], [7.0]])), torch.tensor([0, 2])
    )
    assert state.hidden[:, 0].tolist() == [5, 9]
    assert y[..., 0].tolist() == [[0, 0, 0], [16, 18, 0]]


def test_padding_is_where_a_row_has_ended():
    assert padding(torch.tensor([2, 0, 3]), 3).int().tolist() == [[0, 0, 1], [1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("cell", "reference"),
    [
        (RNN(3, 5), nn.RNN(3, 5, batch_first=True)),
        (RNN(3, 5, nonlinearity="relu"), nn.RNN(3, 5, nonlinearity="relu", batch_first=True)),
        (LSTM(3, 5), nn.LSTM(3, 5, batch_first=True)),
        (GRU(3, 5), nn.GRU(3, 5, batch_first=True)),
    ],
    ids=["rnn_tanh", "rnn_relu", "lstm", "gru"],
)
def test_unrolled_is_torchs_layer(cell, reference):
    cell, reference = cell.double(), reference.double()
    for weight in cell.parameters():
        nn.init.uniform_(weight, -0.5, 0.5)
    reference.load_state_dict({f"{name}_l0": weight for name, weight in cell.state_dict().items()})
    x = torch.randn(4, 7, 3).double()
    state = type(cell.initial_state(4))(*(torch.randn_like(part) for part in cell.initial_state(4)))
    start = tuple(part[None] for part in state)
    y, final = unroll(cell, x, state)
    expected, last = reference(x, start if len(start) > 1 else start[0])
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)
    for part, other in zip(final, last if len(start) > 1 else [last], strict=True):
        torch.testing.assert_close(part, other[0], atol=1e-12, rtol=0)
    ours = torch.autograd.grad(y.square().sum(), list(cell.parameters()))
    theirs = torch.autograd.grad(expected.square().sum(), list(reference.parameters()))
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=0)


@pytest.mark.parametrize("make", [RNN, LSTM, GRU])
def test_state_of_a_ragged_row_is_the_one_at_its_own_length(make):
    cell = make(3, 5).double()
    x, lengths = torch.randn(3, 6, 3).double(), [6, 4, 1]
    _, state = unroll(cell, x, cell.initial_state(3), torch.tensor(lengths))
    for row, length in enumerate(lengths):
        _, alone = unroll(cell, x[row : row + 1, :length], cell.initial_state(1))
        for part, other in zip(leaves(state), leaves(alone), strict=True):
            torch.testing.assert_close(part[row : row + 1], other, atol=1e-12, rtol=0)


class Counting(GRU):
    """Notes the shape of what it projects."""

    def project(self, x):
        self.shapes = [*getattr(self, "shapes", []), tuple(x.shape)]
        return super().project(x)


class Halved(Counting):
    """Replaces the whole step."""

    def forward(self, x, state):
        y, state = super().forward(x / 2, state)
        return y, state


@pytest.mark.parametrize("lengths", [None, torch.tensor([6, 2, 0])])
def test_the_inputs_are_projected_at_once_unless_the_step_is_replaced(lengths):
    x = torch.randn(3, 6, 2)
    counting, halved = Counting(2, 5), Halved(2, 5)
    halved.load_state_dict(counting.state_dict())
    y, state = unroll(counting, x / 2, counting.initial_state(3), lengths)
    assert counting.shapes == [(6, 3, 2)]
    found, final = unroll(halved, x, halved.initial_state(3), lengths)
    assert halved.shapes == [(3, 2)] * 6
    torch.testing.assert_close(found, y)
    torch.testing.assert_close(final, state)
