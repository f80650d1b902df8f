"""The quasi-recurrent network against a masked convolution and a loop."""

import pytest
import torch
import torch.nn.functional as F

from seqnet.cells.qrnn import QRNN
from seqnet.layers.layer import Layer


def as_in_the_paper(cell, x):
    """A convolution over time that is padded on the left, then fo-pooling (Bradbury et al. 2017, equations 1, 2, 4)."""
    kernel = cell.weight.unflatten(1, (cell.window, cell.input_size)).transpose(1, 2)
    padded = F.pad(x.transpose(1, 2), (cell.window - 1, 0))
    f, z, o = F.conv1d(padded, kernel, cell.bias).transpose(1, 2).chunk(3, dim=-1)
    f, z, o, c = f.sigmoid(), z.tanh(), o.sigmoid(), x.new_zeros(len(x), cell.hidden_size)
    outputs = []
    for t in range(x.shape[1]):
        c = f[:, t] * c + (1 - f[:, t]) * z[:, t]
        outputs.append(o[:, t] * c)
    return torch.stack(outputs, dim=1), c


@pytest.mark.parametrize("window", [2, 4])
def test_it_is_a_convolution_and_a_pooling(window):
    torch.manual_seed(0)
    cell, x = QRNN(3, 5, window=window), torch.randn(2, 300, 3)
    exact = QRNN(3, 5, window=window).double()
    exact.load_state_dict(cell.state_dict())
    expected, last = as_in_the_paper(exact, x.double())
    wanted = torch.autograd.grad(expected.sin().sum() / 30, [*exact.parameters()])
    for fused in (False, True):
        y, state = Layer(cell, fused)(x)
        torch.testing.assert_close(y.double(), expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(state.hidden.double(), last, atol=1e-5, rtol=0)
        assert torch.equal(state.past, x[:, 1 - window :])
        for one, other in zip(torch.autograd.grad(y.sin().sum() / 30, [*cell.parameters()]), wanted, strict=True):
            torch.testing.assert_close(one.double(), other, atol=1e-5, rtol=1e-5)


def test_its_gates_are_those_of_the_step():
    cell, x = QRNN(2, 3, window=3), torch.randn(4, 2)
    state = cell.initial_state(4)._replace(hidden=torch.randn(4, 3), past=torch.randn(4, 2, 2))
    gates, (y, new) = cell.gates(x, state), cell(x, state)
    content = torch.tanh(torch.cat([state.past.flatten(1), x], 1) @ cell.weight[3:6].T + cell.bias[3:6])
    keep = gates[cell.keeps]
    torch.testing.assert_close(new.hidden, keep * state.hidden + (1 - keep) * content)
    torch.testing.assert_close(y, gates["output"] * new.hidden)
