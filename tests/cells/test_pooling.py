"""h' = h + z (n - h) over a sequence: by the compiled function, by operators and in log space it is the plain loop."""

import pytest
import torch

from seqnet.cells import native, pooling

STEPS = 1200


@pytest.fixture(params=["compiled", "operators", "log space"])
def way(request, monkeypatch):
    if request.param == "compiled" and native.library() is None:
        pytest.skip("no compiler here")
    monkeypatch.setattr(pooling, "_way", lambda gates: request.param)
    return request.param


def everything(function, gates, start, bend):
    gates, start = gates.clone().requires_grad_(), start.clone().requires_grad_()
    y = function(gates, start, bend)
    weights = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view_as(y).to(y.dtype)
    return [y, *torch.autograd.grad((y * weights).sum(), [gates, start])]


def plainly(gates, start, bend):
    """By the equations, in a loop whose gradient is autograd's."""
    states = []
    for z, n in zip(*(part.unbind(1) for part in gates.chunk(2, dim=-1)), strict=True):
        new = {"linear": n, "tanh": n.tanh(), "positive": torch.where(n >= 0, n + 0.5, n.sigmoid())}[bend]
        start = (-z).sigmoid() * start + z.sigmoid() * new
        states.append(start)
    return torch.stack(states, dim=1)


@pytest.mark.parametrize("bend", pooling.KINDS)
def test_it_is_the_plain_loop_over_a_thousand_steps_with_gates_near_0_and_1(way, bend):
    """Each unit's gates are larger by another factor: up to 300, where a sigmoid is 0 or 1. 37 units leave a rest."""
    torch.manual_seed(0)
    gates, start = torch.randn(2, STEPS, 2 * 37), torch.randn(2, 37)
    gates[..., :37] *= torch.logspace(-1, 2.5, 37)
    gates[0, :, :10] += 12  # open nearly always
    gates[0, :, 10:20] -= 12  # shut nearly always
    found = everything(pooling.pool, gates, start, bend)
    wanted = everything(plainly, gates.double(), start.double(), bend)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one.double(), other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("way", ["operators", "log space"], indirect=True)
@pytest.mark.parametrize("bend", pooling.KINDS)
def test_in_double_precision_it_is_exact(way, bend):
    torch.manual_seed(0)
    gates, start = torch.randn(3, 50, 10, dtype=torch.float64) * 5, torch.randn(3, 5, dtype=torch.float64)
    found, wanted = (everything(function, gates, start, bend) for function in (pooling.pool, plainly))
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=0)


def test_numbers_worked_out_by_hand(way):
    """z = 1/2, 1/4, 3/4 and n = 4, -8, 2: 2 becomes 3, 1/4, 25/16; a state's gradient is 1 + keep * later one's."""
    z, n = torch.tensor([0.5, 0.25, 0.75]).logit(), torch.tensor([4.0, -8.0, 2.0])
    gates = torch.stack([z, n], dim=-1)[None].requires_grad_()
    start = torch.tensor([[2.0]]).requires_grad_()
    y = pooling.pool(gates, start, "linear")
    torch.testing.assert_close(y.flatten(), torch.tensor([3, 0.25, 25 / 16]))
    d_gates, d_start = torch.autograd.grad(y.sum(), [gates, start])
    later = torch.tensor([1 + 0.75 * 1.25, 1.25, 1.0])
    torch.testing.assert_close(d_gates[0, :, 1], later * torch.tensor([0.5, 0.25, 0.75]))
    torch.testing.assert_close(d_gates[0, :, 0], later * torch.tensor([2 / 4, -11 * 3 / 16, 1.75 * 3 / 16]))
    torch.testing.assert_close(d_start, torch.tensor([[0.5 * later[0]]]))


def test_rows_and_units_beside_and_threads_do_not_matter():
    """300 units are more than a piece that a thread goes through."""
    torch.manual_seed(0)
    gates, start = torch.randn(3, 40, 2 * 300), torch.randn(3, 300)
    whole = everything(pooling.pool, gates, start, "positive")
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert all(map(torch.equal, everything(pooling.pool, gates, start, "positive"), whole))
    finally:
        torch.set_num_threads(threads)
    alone = pooling.pool(gates[1:2, :, [7, 299, 307, 599]], start[1:2, [7, 299]], "positive")
    torch.testing.assert_close(alone[0], whole[0][1, :, [7, 299]])
