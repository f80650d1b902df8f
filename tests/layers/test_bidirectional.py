import pytest
import torch
from torch import nn

from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.layers.bidirectional import Bidirectional, flip
from seqnet.layers.layer import Layer
from seqnet.state import leaves


def test_flip_turns_each_row_around_within_its_length():
    x = torch.tensor([[1, 2, 3, 0], [4, 0, 0, 0], [5, 6, 7, 8], [0, 0, 0, 0]])[..., None]
    turned = flip(x, torch.tensor([3, 1, 4, 0]))
    assert turned[..., 0].tolist() == [[3, 2, 1, 0], [4, 0, 0, 0], [8, 7, 6, 5], [0, 0, 0, 0]]
    assert torch.equal(flip(turned, torch.tensor([3, 1, 4, 0])), x)
    assert flip(x, None)[0, :, 0].tolist() == [0, 3, 2, 1]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    ("cell", "reference"), [(RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU)], ids=["rnn", "lstm", "gru"]
)
def test_is_torchs_bidirectional_layer_on_packed_rows(cell, reference, fused):
    torch.manual_seed(0)
    layer = Bidirectional(Layer(cell(3, 5), fused), Layer(cell(3, 5), fused)).double()
    other = reference(3, 5, batch_first=True, bidirectional=True).double()
    weights = {f"{name}_l0": weight for name, weight in layer.left_to_right.cell.state_dict().items()}
    weights |= {f"{name}_l0_reverse": weight for name, weight in layer.right_to_left.cell.state_dict().items()}
    other.load_state_dict(weights)
    x, lengths = torch.randn(3, 6, 3).double(), torch.tensor([6, 4, 1])
    y, state = layer(x, None, lengths)
    packed, final = other(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True))
    expected, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)
    # ours: forward's parts, then backward's; torch's: a tensor [direction batch hidden] for each part
    parts = [final] if isinstance(final, torch.Tensor) else list(final)
    theirs = [part[0] for part in parts] + [part[1] for part in parts]
    torch.testing.assert_close(leaves(state), theirs, atol=1e-12, rtol=0)
    # the right-to-left half has read everything at a row's first step
    torch.testing.assert_close(state.backward.hidden, y[:, 0, 5:], atol=0, rtol=0)
    torch.testing.assert_close(state.hidden, torch.cat([state.forward.hidden, y[:, 0, 5:]], -1), atol=0, rtol=0)
