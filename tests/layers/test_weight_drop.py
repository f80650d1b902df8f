"""Recurrent weights that are dropped: every cell and realisation against a reference with the mask written out."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.raster import RasterLSTM
from seqnet.cells.rnn import RNN
from seqnet.draws import drawing, kept
from seqnet.errors import ConfigurationError
from seqnet.layers.layer import Layer
from seqnet.layers.weight_drop import recurrent_weights, with_weights
from seqnet.state import HiddenState

KEY = (1, 2, 3, 4)
TORCHS = {LSTM: nn.LSTM, GRU: nn.GRU, RNN: nn.RNN}


def mask_of(weight: Tensor, p: float) -> Tensor:
    """The first mask that a window draws."""
    with drawing(KEY):
        return kept(weight.shape, p, weight.dtype, weight.device, of_rows=False)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unrolled"])
@pytest.mark.parametrize("cell", [LSTM, GRU, RNN])
def test_a_layer_with_dropped_weights_is_torchs_with_the_mask_on_w_hh(cell: Any, fused: bool) -> None:
    torch.manual_seed(0)
    layer = Layer(cell(3, 6), fused, weight_dropout=0.5)
    other = TORCHS[cell](3, 6, batch_first=True)
    own = layer.cell.state_dict()
    mask = mask_of(own["weight_hh"], 0.5)
    assert 0 < (mask == 0).float().mean() < 1
    own["weight_hh"] = own["weight_hh"] * mask
    other.load_state_dict({f"{name}_l0": weight for name, weight in own.items()})
    x = torch.randn(4, 5, 3)
    lengths = torch.tensor([5, 5, 5, 5])
    with drawing(KEY):
        y, _ = layer(x, None, lengths)
    expected, _ = other(x)
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=0)
    seen = torch.randn_like(y)
    y.backward(seen)
    expected.backward(seen)
    torch.testing.assert_close(layer.cell.weight_hh.grad, other.weight_hh_l0.grad * mask, atol=1e-4, rtol=0)
    torch.testing.assert_close(layer.cell.weight_ih.grad, other.weight_ih_l0.grad, atol=1e-4, rtol=0)


def test_a_window_has_one_mask_whatever_calls_it_takes_and_evaluation_the_whole_weight() -> None:
    layer, x = Layer(LSTM(3, 20), weight_dropout=0.5), torch.randn(2, 6, 3)
    with drawing(KEY):
        whole, end = layer(x)
    with drawing(KEY):
        first, state = layer(x[:, :2])
        rest, after = layer(x[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(after.cell, end.cell, atol=1e-6, rtol=0)
    for other in ((1, 2, 3, 5), (2, 2, 3, 4)):
        with drawing(other):
            assert not torch.equal(layer(x)[0], whole)
    with drawing(KEY, first_row=9):  # another process
        assert torch.equal(layer(x)[0], whole)
    layer.eval()
    assert torch.equal(layer(x)[0], Layer(layer.cell)(x)[0])


def test_nothing_is_left_on_the_cell_and_a_copy_is_whole() -> None:
    layer, x = Layer(GRU(3, 5), weight_dropout=0.5), torch.randn(2, 4, 3)
    before = dict(vars(layer.cell))
    with drawing(KEY):
        y, _ = layer(x)
    assert vars(layer.cell) == before and isinstance(layer.cell.weight_hh, nn.Parameter)
    with drawing(KEY):
        assert torch.equal(copy.deepcopy(layer)(x)[0], y)
    y.sum().backward()
    assert layer.cell.weight_hh.grad is not None


class Wrapped(nn.Module):
    """A cell of the user's own around one of torch's."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.inner = nn.GRUCell(input_size, hidden_size)

    def initial_state(self, batch_size: int) -> HiddenState:
        return HiddenState(self.inner.weight_hh.new_zeros(batch_size, self.hidden_size))

    def forward(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        hidden = self.inner(x, state.hidden)
        return hidden, HiddenState(hidden)


class Named(Wrapped):
    """One that says which of its weights are recurrent: a vector, and not the matrix."""

    recurrent_weights = ("scale",)

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.scale = nn.Parameter(torch.ones(hidden_size))

    def forward(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        return super().forward(x, HiddenState(self.scale * state.hidden))


def test_a_cell_says_which_weights_are_recurrent_or_calls_them_as_torch_does() -> None:
    assert recurrent_weights(Wrapped(3, 4)) == ("inner.weight_hh",)
    assert recurrent_weights(Named(3, 4)) == ("scale",)
    assert recurrent_weights(RasterLSTM(3, 4)) == ()
    x = torch.randn(2, 5, 3)
    for cell, name in ((Wrapped(3, 4), "inner.weight_hh"), (Named(3, 4), "scale")):
        layer = Layer(cell, weight_dropout=0.5)
        weight = dict(cell.named_parameters())[name]
        mask = mask_of(weight if weight.dim() > 1 else weight[None], 0.5).view_as(weight)
        with drawing(KEY):
            y, _ = layer(x)
        expected, _ = Layer(with_weights(cell, {name: weight * mask}))(x)
        assert torch.equal(y, expected) and not torch.equal(y, Layer(cell)(x)[0])
        y.sum().backward()
        assert (weight.grad[mask == 0] == 0).all() and (weight.grad != 0).any()


def test_a_name_that_is_no_parameter_is_refused() -> None:
    class Typo(GRU):
        recurrent_weights = ("weigth_hh",)

    layer = Layer(Typo(3, 4), weight_dropout=0.5)
    with pytest.raises(ConfigurationError, match=r"names 'weigth_hh', which is none of its.*did you mean 'weight_hh'"):
        layer(torch.zeros(1, 2, 3))
