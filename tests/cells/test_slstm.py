"""The sLSTM: what its stabiliser leaves as it is, and what it keeps from overflowing."""

import pytest
import torch

from seqnet.cells.slstm import SLSTM, SLSTMState
from seqnet.commands import train
from seqnet.configuration import compose
from seqnet.errors import ConfigurationError
from seqnet.layers.layer import Layer
from seqnet.state import leaves


def unstabilised(cell, x):
    """Beck et al. (2024), equations 8 to 14, as they stand; c, n and h begin at 0."""
    size = cell.hidden_size // cell.num_heads
    rows = cell.weight_hh.chunk(4)
    i_r, f_r, z_r, o_r = (torch.block_diag(*gate.split(size)) for gate in rows)
    h = c = n = x.new_zeros(len(x), cell.hidden_size)
    outputs = []
    for t in range(x.shape[1]):
        i, f, z, o = (x[:, t] @ cell.weight_ih.T + cell.bias).chunk(4, dim=-1)
        i, f = torch.exp(i + h @ i_r.T), f + h @ f_r.T
        f = torch.exp(f) if cell.forget == "exp" else torch.sigmoid(f)
        c = f * c + i * torch.tanh(z + h @ z_r.T)
        n = f * n + i
        h = torch.sigmoid(o + h @ o_r.T) * c / n
        outputs.append(h)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
def test_stabilised_is_unstabilised(forget, heads):
    torch.manual_seed(0)
    cell = SLSTM(4, 6, forget=forget, num_heads=heads).double()
    x = torch.randn(2, 20, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 20, 6, dtype=torch.float64)
    found, expected = Layer(cell)(x)[0], unstabilised(cell, x)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    given = [x, *cell.parameters()]
    found, expected = (torch.autograd.grad((y * weights).sum(), given) for y in (found, expected))
    torch.testing.assert_close(found, expected, atol=1e-11, rtol=0)


def test_numbers_worked_out_by_hand():
    """i = e^2, f = 1/2, z = tanh 1, o = 1/2; then i = 1. c / n is z, then (f e^2 z + z') / (f e^2 + 1)."""
    cell = SLSTM(1, 1)
    with torch.no_grad():
        cell.weight_ih[:] = torch.tensor([[2.0], [0], [1], [0]])
        cell.weight_hh[:] = 0
        cell.bias[:] = 0
    y, state = Layer(cell)(torch.tensor([[[1.0], [0.0]]]))
    half, square = 0.5 * 2.718281828**2, torch.tensor(1.0).tanh().item()
    assert y.flatten().tolist() == pytest.approx([square / 2, half * square / (half + 1) / 2])
    assert state.stabiliser.item() == pytest.approx(2 - 0.6931472)  # the larger of log f + 2 and log i = 0
    assert state.normaliser.item() == pytest.approx(1 + 1 / half)


@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
@pytest.mark.parametrize("size", [1e3, 1e6])
def test_huge_gates_are_finite_and_so_are_gradients(size, forget):
    torch.manual_seed(0)
    cell = SLSTM(3, 8, forget=forget)
    with torch.no_grad():
        cell.weight_ih[:16] *= size
    x = torch.randn(4, 50, 3, requires_grad=True)
    y, state = Layer(cell)(x)
    assert y.abs().max() <= 1 and all(part.isfinite().all() for part in leaves(state))
    assert all(found.isfinite().all() for found in torch.autograd.grad(y.sum(), [x, *cell.parameters()]))


def test_the_first_step_is_of_what_is_read_alone_however_small_its_gate():
    """c / n = z although exp(i) is 0 in single precision; what m holds of before says nothing where n is 0."""
    cell = SLSTM(2, 3, forget="exp", forget_bias=50.0)
    with torch.no_grad():
        cell.bias[:3] = -200
        cell.weight_ih[:6] = 0
    x, state = torch.randn(4, 2), cell.initial_state(4)
    o, z = (x @ cell.weight_ih[9:].T).sigmoid(), (x @ cell.weight_ih[6:9].T).tanh()
    for before in (state, state._replace(stabiliser=torch.full((4, 3), 1e4), cell=torch.ones(4, 3))):
        y, after = cell(x, before)
        torch.testing.assert_close(y, o * z)
        assert after.normaliser.eq(1).all() and after.stabiliser.eq(-200).all()


def test_a_state_that_came_from_elsewhere_gives_finite_numbers():
    """As a bridge makes one of an encoder's: n is anything between -1 and 1."""
    torch.manual_seed(0)
    cell, x = SLSTM(2, 4), torch.randn(200, 1, 2)
    for tiny in (1.0, 1e-30):
        state = SLSTMState(*(torch.randn(200, 4).tanh() * tiny for _ in range(4)))
        y, after = Layer(cell)(x, state)
        assert y.abs().max() < 2 and all(part.isfinite().all() for part in leaves(after))


def test_its_gates_share_what_the_cell_holds():
    torch.manual_seed(0)
    cell = SLSTM(3, 4, num_heads=2)
    _, state = Layer(cell)(torch.randn(5, 7, 3))
    x = torch.randn(5, 3)
    gates, (y, after) = cell.gates(x, state), cell(x, state)
    content = torch.tanh(cell.project(x).chunk(4, dim=-1)[2] + state.hidden @ cell.recurrent.T)
    held = gates[cell.keeps] * state.cell / state.normaliser + gates["input"] * content
    torch.testing.assert_close(after.cell / after.normaliser, held)
    torch.testing.assert_close(y, gates["output"] * held)
    torch.testing.assert_close(gates["forget"] + gates["input"], torch.ones(5, 4))


def test_heads_that_do_not_divide_the_units_are_refused():
    with pytest.raises(
        ConfigurationError, match="cell.num_heads=3 does not divide model.hidden_size=8: set one that does"
    ):
        SLSTM(2, 8, num_heads=3)


def test_heads_are_judged_by_the_width_that_the_model_will_have():
    """Before any data is read."""
    chosen = ["experiment=larger_total", "cell=slstm", "model.hidden_size=12", "cell.num_heads={}"]
    train.check(compose("train", [one.format(4) for one in chosen]))
    with pytest.raises(ConfigurationError, match="cell.num_heads=5 does not divide model.hidden_size=12"):
        train.check(compose("train", [one.format(5) for one in chosen]))
