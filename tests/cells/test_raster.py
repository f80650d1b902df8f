"""The LSTM that sees the pixel above."""

import torch

from seqnet.cells.lstm import LSTM
from seqnet.cells.raster import RasterLSTM
from seqnet.layers.unroll import unroll


def test_it_is_an_lstm_of_the_pixel_before_the_one_above_and_the_place():
    torch.manual_seed(0)
    width, height, size, hidden = 3, 2, 4, 5
    cell = RasterLSTM(size, hidden, width=width, height=height)
    plain = LSTM(2 * size + width * height, hidden)
    with torch.no_grad():
        plain.weight_ih.copy_(cell.weight[:, :-hidden])
        plain.weight_hh.copy_(cell.weight[:, -hidden:])
        plain.bias_ih.copy_(cell.bias)
        plain.bias_hh.zero_()
    x = torch.randn(2, width * height, size)  # x_t is the pixel before the t-th, so that above stands x_{t-width+1}
    above = torch.cat([torch.zeros(2, width - 1, size), x], dim=1)[:, : width * height]
    place = torch.eye(width * height).expand(2, -1, -1)
    expected, _ = unroll(plain, torch.cat([x, above, place], dim=-1), plain.initial_state(2))
    found, _ = unroll(cell, x, cell.initial_state(2))
    torch.testing.assert_close(found, expected)
