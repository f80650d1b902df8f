"""minGRU against the equations of its paper, in a loop and in log space."""

import pytest
import torch
import torch.nn.functional as F

from seqnet.cells.mingru import MinGRU
from seqnet.cells.minlstm import MinLSTM
from seqnet.errors import ConfigurationError
from seqnet.layers.layer import Layer
from seqnet.state import HiddenState


def g(x):
    return torch.where(x >= 0, x + 0.5, x.sigmoid())


def in_log_space(cell, x, h):
    """Feng et al. (2024), algorithm of appendix B.3: all steps from logarithms, in double precision."""
    z, content = (F.linear(x, cell.weight, cell.bias)).chunk(2, dim=-1)
    log_keep, log_new = -F.softplus(z), -F.softplus(-z) + g(content).log()
    total = F.pad(log_keep.cumsum(1), (0, 0, 1, 0))
    values = torch.cat([h.log()[:, None], log_new], dim=1)
    return ((values - total).logcumsumexp(1) + total).exp()[:, 1:]


def step_by_step(cell, x, h):
    """Their equations: z and the new content of x alone."""
    w_z, w_h = cell.weight.chunk(2)
    b_z, b_h = cell.bias.chunk(2)
    states = []
    for t in range(x.shape[1]):
        z = torch.sigmoid(x[:, t] @ w_z.T + b_z)
        h = (1 - z) * h + z * g(x[:, t] @ w_h.T + b_h)
        states.append(h)
    return torch.stack(states, dim=1)


def test_numbers_worked_out_by_hand():
    """z = 1/4; g(1) = 3/2, g(-ln 3) = 1/4: 3/4 of 2 + 3/8 = 15/8, then 3/4 of it + 1/16 = 47/32."""
    cell = MinGRU(1, 1)
    with torch.no_grad():
        cell.weight[:] = torch.tensor([[0.0], [1]])
        cell.bias[:] = torch.tensor([-1.0986123, 0])
    y, state = Layer(cell)(torch.tensor([[[1.0], [-1.0986123]]]), HiddenState(torch.tensor([[2.0]])))
    torch.testing.assert_close(y.flatten(), torch.tensor([15 / 8, 47 / 32]))
    torch.testing.assert_close(state.hidden, torch.tensor([[47 / 32]]))


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_content_as_it_is_may_be_below_0(kind):
    """Half of what there was and half of -3, where all weights are 0 but one."""
    cell = kind(1, 1, content="linear")
    with torch.no_grad():
        cell.weight[:-1], cell.weight[-1], cell.bias[:] = 0, -3, 0
    for fused in (False, True):
        y, _ = Layer(cell, fused)(torch.tensor([[[1.0], [2.0]]]), HiddenState(torch.tensor([[2.0]])))
        torch.testing.assert_close(y.flatten(), torch.tensor([-0.5, -3.25]))
    with pytest.raises(ConfigurationError, match="cell.content=linaer is not one of positive, linear; did you mean"):
        kind(1, 1, content="linaer")


@pytest.mark.parametrize("bias", [-9.0, 0.0, 9.0])
def test_step_scan_and_log_space_agree_over_a_thousand_steps(bias):
    torch.manual_seed(0)
    cell, x, h = MinGRU(3, 5, update_bias=bias), torch.randn(2, 1000, 3), torch.rand(2, 5)
    exact, wide, begin = MinGRU(3, 5).double(), x.double(), h.double().requires_grad_()
    exact.load_state_dict(cell.state_dict())
    found = Layer(cell)(x, HiddenState(h))[0]
    expected = step_by_step(exact, wide, begin)
    for other in (Layer(cell, fused=False)(x, HiddenState(h))[0], in_log_space(exact, wide, begin), expected):
        torch.testing.assert_close(found.double(), other.double(), atol=1e-5, rtol=1e-5)
    given = [*cell.parameters()]
    gradients = torch.autograd.grad(found[:, -1].sum() + found.mean(), given)
    wanted = torch.autograd.grad(expected[:, -1].sum() + expected.mean(), [*exact.parameters()])
    for one, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, atol=1e-5, rtol=1e-5)


def test_its_gate_says_what_is_kept():
    cell, x, state = MinGRU(2, 3, update_bias=-1.5), torch.randn(4, 2), HiddenState(torch.rand(4, 3))
    keep = cell.gates(x, state)[cell.keeps]
    content = g(cell.project(x).chunk(2, dim=-1)[1])
    torch.testing.assert_close(cell(x, state)[0], keep * state.hidden + (1 - keep) * content)
    torch.testing.assert_close(cell.gates(torch.zeros(1, 2), state)["keep"], torch.full((1, 3), 0.8175745))
