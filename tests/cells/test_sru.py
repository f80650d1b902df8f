"""The simple recurrent unit against the equations of its paper, by the compiled function and without."""

import math

import pytest
import torch

from seqnet.cells import native
from seqnet.cells.sru import SRU
from seqnet.layers.layer import Layer
from seqnet.state import HiddenState


def step_by_step(cell, x, c):
    """Lei et al. (2018), equations 1 to 4, with the scaling correction of section 3.2."""
    w_f, w_r, w, *of_x = cell.weight.split(cell.hidden_size)
    (v_f, v_r), (b_f, b_r) = cell.peepholes.chunk(2), cell.bias.chunk(2)
    alpha = math.sqrt(1 + 2 * math.exp(0))
    outputs = []
    for t in range(x.shape[1]):
        one = x[:, t]
        f = torch.sigmoid(one @ w_f.T + v_f * c + b_f)
        r = torch.sigmoid(one @ w_r.T + v_r * c + b_r)
        c = f * c + (1 - f) * (one @ w.T)
        passed = one @ of_x[0].T if of_x else alpha * one
        outputs.append(r * c + (1 - r) * passed)
    return torch.stack(outputs, dim=1), c


@pytest.mark.parametrize("compiled", [False, True], ids=["operators", "compiled"])
@pytest.mark.parametrize("inputs", [3, 5])
def test_it_is_what_the_paper_says(inputs, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(native, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("no compiler here")
    torch.manual_seed(0)
    cell, x, c = SRU(inputs, 5), torch.randn(2, 300, inputs), torch.randn(2, 5)
    torch.nn.init.uniform_(cell.peepholes, -2, 2)
    exact = SRU(inputs, 5).double()
    exact.load_state_dict(cell.state_dict())
    given, begin = [x.clone().requires_grad_(), c.clone().requires_grad_()], c.double().requires_grad_()
    wide = x.double().requires_grad_()
    expected, last = step_by_step(exact, wide, begin)
    total = expected.sin().sum() + last.square().sum()
    wanted = torch.autograd.grad(total / 30, [wide, begin, *exact.parameters()])
    y, state = Layer(cell)(given[0], HiddenState(given[1]))
    found = torch.autograd.grad((y.sin().sum() + state.hidden.square().sum()) / 30, [*given, *cell.parameters()])
    for one, other in zip([y, state.hidden, *found], [expected, last, *wanted], strict=True):
        torch.testing.assert_close(one.double(), other, atol=1e-5, rtol=1e-5)


def test_its_gates_are_those_of_the_step():
    cell, x, state = SRU(2, 2), torch.randn(4, 2), HiddenState(torch.randn(4, 2))
    gates, (y, new) = cell.gates(x, state), cell(x, state)
    content, keep = x @ cell.weight[4:].T, gates[cell.keeps]
    torch.testing.assert_close(new.hidden, keep * state.hidden + (1 - keep) * content)
    torch.testing.assert_close(y, gates["reset"] * new.hidden + (1 - gates["reset"]) * 3**0.5 * x)
