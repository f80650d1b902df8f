"""minLSTM against the equations of its paper."""

import pytest
import torch

from seqnet.cells.minlstm import MinLSTM
from seqnet.layers.layer import Layer
from seqnet.state import HiddenState


def step_by_step(cell, x, h):
    """Feng et al. (2024): gates that are made to sum to 1; for gates that are not both shut."""
    states = []
    for t in range(x.shape[1]):
        f, i, content = (x[:, t] @ cell.weight.T + cell.bias).chunk(3, dim=-1)
        f, i = f.sigmoid(), i.sigmoid()
        h = f / (f + i) * h + i / (f + i) * torch.where(content >= 0, content + 0.5, content.sigmoid())
        states.append(h)
    return torch.stack(states, dim=1)


def test_numbers_worked_out_by_hand():
    """f = 3/4, i = 1/4: 3/4 of 2 + 1/4 of g(1) = 3/2 is 15/8. Where both are shut and i = f / e, i' is 0.2689."""
    cell = MinLSTM(1, 1)
    with torch.no_grad():
        cell.weight[:] = torch.tensor([[0.0], [0], [1]])
        cell.bias[:] = torch.tensor([1.0986123, -1.0986123, 0])
    y, _ = cell(torch.tensor([[1.0]]), HiddenState(torch.tensor([[2.0]])))
    assert y.item() == pytest.approx(15 / 8)
    with torch.no_grad():
        cell.bias[:] = torch.tensor([-300.0, -301, 0])
    y, _ = cell(torch.tensor([[1.0]]), HiddenState(torch.tensor([[2.0]])))
    assert y.item() == pytest.approx(2 + 0.2689414 * (1.5 - 2))


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_step_and_scan_agree_with_the_equations_over_a_thousand_steps(scale):
    torch.manual_seed(0)
    cell, x, h = MinLSTM(3, 5), torch.randn(2, 1000, 3) * scale, torch.randn(2, 5)
    exact = MinLSTM(3, 5).double()
    exact.load_state_dict(cell.state_dict())
    found = Layer(cell)(x, HiddenState(h))[0]
    expected = step_by_step(exact, x.double(), h.double())
    for other in (Layer(cell, fused=False)(x, HiddenState(h))[0], expected):
        torch.testing.assert_close(found.double(), other.double(), atol=1e-5, rtol=1e-5)
    gradients = torch.autograd.grad(found.mean(), [*cell.parameters()])
    wanted = torch.autograd.grad(expected.mean(), [*exact.parameters()])
    for one, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, atol=1e-5, rtol=1e-5)


def test_its_gate_says_what_is_kept():
    cell, x, state = MinLSTM(2, 3), torch.randn(4, 2), HiddenState(torch.rand(4, 3))
    keep, content = cell.gates(x, state)[cell.keeps], cell.project(x).chunk(2, dim=-1)[1]
    content = torch.where(content >= 0, content + 0.5, content.sigmoid())
    torch.testing.assert_close(cell(x, state)[0], keep * state.hidden + (1 - keep) * content)
