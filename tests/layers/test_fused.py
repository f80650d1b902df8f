import pytest
import torch
from torch import nn

from seqnet.cells import native
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM, update
from seqnet.cells.mingru import MinGRU
from seqnet.cells.rnn import RNN
from seqnet.cells.sru import SRU
from seqnet.layers import fused as fused_path
from seqnet.layers.bidirectional import Bidirectional
from seqnet.layers.layer import Layer
from seqnet.layers.stack import Stack
from seqnet.state import leaves, map_state

CELLS = {
    "rnn_tanh": lambda i, h: RNN(i, h),
    "rnn_relu": lambda i, h: RNN(i, h, nonlinearity="relu"),
    "rnn_leaky_relu": lambda i, h: RNN(i, h, nonlinearity="leaky_relu"),
    "rnn_linear": lambda i, h: RNN(i, h, nonlinearity="linear", recurrent_init="uniform"),
    "rnn_single_bias": lambda i, h: RNN(i, h, single_bias=True),
    "lstm": lambda i, h: LSTM(i, h),
    "lstm_single_bias": lambda i, h: LSTM(i, h, single_bias=True),
    "gru": lambda i, h: GRU(i, h),
    "gru_single_bias": lambda i, h: GRU(i, h, single_bias=True),
}
BATCH, TIME, INPUT, HIDDEN = 4, 6, 3, 5


def stack(cell, num_layers, bidirectional, fused):
    layers, width = [], INPUT
    for _ in range(num_layers):
        if bidirectional:
            layers.append(Bidirectional(Layer(cell(width, HIDDEN), fused), Layer(cell(width, HIDDEN), fused)))
        else:
            layers.append(Layer(cell(width, HIDDEN), fused))
        width = layers[-1].size
    return Stack(layers)


def random_biases(module):
    for name, weight in module.named_parameters():
        if "bias" in name:
            nn.init.uniform_(weight, -0.5, 0.5)


def everything(module, x, state, lengths):
    """Outputs, final states, and the gradients of something that depends on all of them."""
    x = x.clone().requires_grad_()
    given = map_state(lambda part: part.clone().requires_grad_(), state)
    y, final = module(x, given, lengths)
    loss = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).mean()
    for place, part in enumerate(leaves(final)):
        loss = loss + (part * (place + 1)).square().mean()
    gradients = torch.autograd.grad(loss, [x, *leaves(given), *module.parameters()])
    return [y, *leaves(final), *gradients]


@pytest.mark.parametrize("handed", [False, True], ids=["beginning", "handed"])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one", "both"])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", CELLS)
def test_fused_is_unrolled(name, num_layers, bidirectional, ragged, handed):
    torch.manual_seed(0)
    unrolled = stack(CELLS[name], num_layers, bidirectional, fused=False)
    random_biases(unrolled)
    fused = stack(CELLS[name], num_layers, bidirectional, fused=True)
    fused.load_state_dict(unrolled.state_dict())
    x = torch.randn(BATCH, TIME, INPUT)
    state = map_state(torch.randn_like, unrolled.initial_state(BATCH)) if handed else None
    lengths = torch.tensor([4, 0, TIME, 1]) if ragged else None
    # float32 takes torch's fastest code, which does not do float64; float64 leaves nothing to rounding
    for dtype, tolerance in [(torch.float32, 1e-5), (torch.float64, 1e-12)]:
        inputs, begin = x.to(dtype), map_state(lambda part, dtype=dtype: part.to(dtype), state)
        found = everything(fused.to(dtype), inputs, begin, lengths)
        expected = everything(unrolled.to(dtype), inputs, begin, lengths)
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("rows", [1, fused_path.FEW, fused_path.FEW + 1])
def test_a_single_step_is_that_of_the_cell(name, rows):
    """By torch's function of one step where there are few rows, else by the one of a sequence."""
    torch.manual_seed(0)
    unrolled, fused = (Layer(CELLS[name](INPUT, HIDDEN), fused) for fused in (False, True))
    random_biases(unrolled)
    fused.load_state_dict(unrolled.state_dict())
    x, state = torch.randn(rows, 1, INPUT), map_state(torch.randn_like, unrolled.initial_state(rows))
    found, expected = (everything(layer, x, state, None) for layer in (fused, unrolled))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one", "both"])
@pytest.mark.parametrize("name", CELLS)
def test_padding_matters_to_no_row(name, bidirectional, fused):
    """Batched = alone, however much padding there is and whatever stands in it, in both directions."""
    torch.manual_seed(1)
    module = stack(CELLS[name], 2, bidirectional, fused).double()
    random_biases(module)
    lengths = [4, 0, TIME, 1]
    x = torch.randn(BATCH, TIME + 3, INPUT).double()
    state = map_state(torch.randn_like, module.initial_state(BATCH))
    for row, length in enumerate(lengths):
        x[row, length:] = torch.tensor([1e30, float("nan"), -float("inf")])[row % 3]
    batched = everything(module, x, state, torch.tensor(lengths))
    assert all(part.isfinite().all() for part in batched)
    y, final = module(x, state, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        assert not y[row, length:].any()
        before = map_state(lambda part, row=row: part[row : row + 1], state)
        after = map_state(lambda part, row=row: part[row : row + 1], final)
        if not length:
            torch.testing.assert_close(leaves(after), leaves(before), atol=0, rtol=0)
            continue
        alone, expected = module(x[row : row + 1, :length], before, None)
        torch.testing.assert_close(y[row : row + 1, :length], alone, atol=1e-12, rtol=0)
        torch.testing.assert_close(leaves(after), leaves(expected), atol=1e-12, rtol=0)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one", "both"])
@pytest.mark.parametrize("name", ["rnn_tanh", "lstm", "gru"])
def test_gradients_of_a_batch_are_the_sum_of_its_rows(name, bidirectional, fused):
    torch.manual_seed(2)
    module = stack(CELLS[name], 2, bidirectional, fused).double()
    lengths = torch.tensor([4, 2, TIME, 1])
    x = torch.randn(BATCH, TIME + 2, INPUT).double()
    parameters = list(module.parameters())

    def loss(y, state):
        return y.square().sum() + sum((part**3).sum() for part in leaves(state))

    together = torch.autograd.grad(loss(*module(x, None, lengths)), parameters)
    alone = [
        torch.autograd.grad(loss(*module(x[row : row + 1, :length], None, None)), parameters)
        for row, length in enumerate(lengths.tolist())
    ]
    summed = tuple(sum(parts) for parts in zip(*alone, strict=True))
    torch.testing.assert_close(together, summed, atol=1e-10, rtol=0)


def test_the_cell_is_held_bitwise():
    layer = Layer(LSTM(INPUT, HIDDEN))
    state = map_state(torch.randn_like, layer.initial_state(BATCH))
    _, final = layer(torch.randn(BATCH, 50, INPUT), state, torch.zeros(BATCH, dtype=torch.int64))
    assert torch.equal(final.cell, state.cell)
    assert torch.equal(final.hidden, state.hidden)


class Subclass(LSTM):
    """May compute anything."""


@pytest.mark.parametrize(
    ("cell", "realisation"),
    [
        (RNN(2, 3), "fused" if native.library() is None else "compiled"),
        (RNN(2, 3, nonlinearity="relu"), "fused"),
        (RNN(2, 3, nonlinearity="leaky_relu"), "unrolled"),
        (RNN(2, 3, nonlinearity="linear"), "unrolled"),
        (LSTM(2, 3), "fused"),
        (GRU(2, 3), "fused" if native.library() is None else "compiled"),
        (Subclass(2, 3), "unrolled"),
    ],
)
def test_which_realisation_runs(cell, realisation):
    assert Layer(cell).realisation == realisation
    assert Layer(cell, fused=False).realisation == "unrolled"


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("name", ["rnn_tanh", "lstm", "gru"])
def test_autocast_on_a_cpu_computes_in_the_weights_type(name, ragged):
    torch.manual_seed(0)
    layer = Layer(CELLS[name](INPUT, HIDDEN))
    x = torch.randn(BATCH, TIME, INPUT).bfloat16()
    state = map_state(torch.randn_like, layer.initial_state(BATCH))
    lengths = torch.tensor([4, 0, TIME, 1]) if ragged else None
    expected = layer(x.float(), state, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        y, final = layer(x, state, lengths)
        y.sum().backward()
    assert torch.equal(y, expected[0])
    torch.testing.assert_close(leaves(final), leaves(expected[1]), atol=0, rtol=0)
    assert all(weight.grad is not None for weight in layer.parameters())


@pytest.mark.parametrize("make", [LSTM, GRU, RNN, MinGRU, SRU])
def test_one_state_stands_for_all_rows(make):
    """Functions in C go through as many rows as there are, and would read what is no state's."""
    torch.manual_seed(0)
    layer = Layer(make(3, 4))
    assert layer.realisation != "unrolled"
    start = [torch.randn(1, 4, requires_grad=True) for _ in layer.initial_state(1)]
    several = [part.detach().expand(5, -1).clone().requires_grad_() for part in start]
    x, kind = torch.randn(5, 6, 3), type(layer.initial_state(1))
    one, other = layer(x, kind(*start))[0], layer(x, kind(*several))[0]
    torch.testing.assert_close(one, other)
    found, wanted = torch.autograd.grad(one.sum(), start), torch.autograd.grad(other.sum(), several)
    torch.testing.assert_close(found, tuple(part.sum(0, keepdim=True) for part in wanted))


def test_the_lstms_update_takes_what_its_operators_take(monkeypatch):
    torch.manual_seed(0)
    for gates, cell in ((torch.randn(1, 8), torch.randn(5, 2)), (torch.randn(3, 5, 8), torch.randn(3, 5, 2))):
        found = update(gates, cell)
        with monkeypatch.context() as patch:
            patch.setattr(native, "library", lambda: None)
            torch.testing.assert_close(found, update(gates, cell))
