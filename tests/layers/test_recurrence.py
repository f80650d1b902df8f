"""Our GRU and vanilla RNN over a sequence against torch's own, with and without the compiled functions."""

import pytest
import torch

from seqnet.cells import native
from seqnet.layers import recurrence

TORCHS = {
    "gru": (3, recurrence.gru, torch._VF.gru),
    "rnn_tanh": (1, recurrence.rnn_tanh, torch._VF.rnn_tanh),
    "rnn_relu": (1, recurrence.rnn_relu, torch._VF.rnn_relu),
}
FLAGS = (True, 1, 0.0, True, False, True)


@pytest.fixture(params=["compiled", "operators"])
def library(request, monkeypatch):
    if request.param == "operators":
        monkeypatch.setattr(native, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("no compiler here")


def given(gates, dtype=torch.float32, batch=5, time=7, inputs=3, hidden=37, seed=0):
    """x, hidden and the four weights; 37 units leave a rest to what computes 16 at once."""
    drawn = torch.Generator().manual_seed(seed)
    shapes = [(batch, time, inputs), (1, batch, hidden), (gates * hidden, inputs), (gates * hidden, hidden)]
    shapes += [(gates * hidden,)] * 2
    drawn_parts = [torch.randn(shape, generator=drawn, dtype=torch.float64) for shape in shapes]
    scaled = [*drawn_parts[:2], *(weight / hidden**0.5 for weight in drawn_parts[2:])]
    return [part.to(dtype).requires_grad_() for part in scaled]


def everything(function, parts):
    x, hidden, *weights = parts
    y, final = function(x, hidden, weights, *FLAGS)
    loss = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum() + final.square().sum()
    return [y, final, *torch.autograd.grad(loss, parts)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
@pytest.mark.parametrize("name", TORCHS)
def test_outputs_and_gradients_are_torchs(library, name, dtype, tolerance):
    gates, ours, torchs = TORCHS[name]
    parts = given(gates, dtype)
    for found, expected in zip(everything(ours, parts), everything(torchs, parts), strict=True):
        scale = expected.abs().max().item()
        torch.testing.assert_close(found, expected, atol=tolerance * max(scale, 1.0), rtol=0)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 30.0, 1e4])
def test_the_compiled_function_at_any_size_of_its_inputs(library, scale):
    parts = [(part.detach() * scale).requires_grad_() for part in given(3)]
    x, hidden, *weights = parts
    found, _ = recurrence.gru(x, hidden.detach().tanh(), weights, *FLAGS)
    exact = [part.detach().double() for part in parts]
    expected, _ = torch._VF.gru(exact[0], exact[1].float().tanh().double(), exact[2:], *FLAGS)
    assert found.isfinite().all()
    torch.testing.assert_close(found.double(), expected, atol=2e-6, rtol=2e-6)


def test_what_is_not_a_number_stays_so(library):
    x, hidden, *weights = given(3)
    with torch.no_grad():
        x[2, 3, 0] = float("nan")
    y, _ = recurrence.gru(x, hidden, weights, *FLAGS)
    assert y[2, 3:].isnan().all() and y[2, :3].isfinite().all() and y[:2].isfinite().all()


@pytest.mark.parametrize("name", TORCHS)
def test_backward_runs_twice_over_one_forward(library, name):
    gates, ours, _ = TORCHS[name]
    parts = given(gates)
    y, _ = ours(parts[0], parts[1], parts[2:], *FLAGS)
    once = torch.autograd.grad(y.square().sum(), parts, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(y.square().sum(), parts), once, atol=0, rtol=0)


@pytest.mark.parametrize("name", TORCHS)
def test_only_what_is_asked_gets_a_gradient(library, name):
    gates, ours, torchs = TORCHS[name]
    parts = given(gates)
    for part in parts[:2]:
        part.requires_grad_(False)
    found, expected = (
        torch.autograd.grad(run(parts[0], parts[1], parts[2:], *FLAGS)[0].sum(), parts[2:]) for run in (ours, torchs)
    )
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


@pytest.mark.skipif(native.library() is None, reason="no compiler here")
@pytest.mark.parametrize("name", ["gru", "rnn_tanh"])
@pytest.mark.parametrize("batch", [1, 5, 6, 7, 12, 13, 30])
@pytest.mark.parametrize("hidden", [1, 15, 16, 31, 33, 64, 100])
def test_the_compiled_function_whatever_the_sizes_and_threads(name, batch, hidden):
    """Rows in blocks of 6 or 12, units in panels of 16 or 32, and the rest of both; the same bits by any threads."""
    gates, ours, torchs = TORCHS[name]
    parts = given(gates, batch=batch, hidden=hidden, time=3)
    exact = everything(torchs, [part.detach().double().requires_grad_() for part in parts])
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(everything(ours, parts))
    finally:
        torch.set_num_threads(before)
    for one, expected in zip(found[0], exact, strict=True):
        torch.testing.assert_close(one.double(), expected, atol=2e-6 * max(1.0, expected.abs().max().item()), rtol=0)
    for one, two, three in zip(*(several[:2] for several in found), strict=True):
        assert torch.equal(one, two) and torch.equal(one, three)


@pytest.mark.parametrize("name", TORCHS)
@pytest.mark.parametrize("time", [1, recurrence.FEW_STEPS - 1, recurrence.FEW_STEPS])
def test_few_steps_and_no_gradient_are_torchs_own_without_a_compiler(monkeypatch, name, time):
    monkeypatch.setattr(native, "library", lambda: None)
    calls = _count_torchs(monkeypatch, name)
    _, ours, _ = TORCHS[name]
    x, hidden, *weights = given(TORCHS[name][0], time=time)
    ours(x, hidden, weights, *FLAGS)
    assert bool(calls) == (time < recurrence.FEW_STEPS)
    with torch.no_grad():
        ours(x, hidden, weights, *FLAGS)
    assert len(calls) == (2 if time < recurrence.FEW_STEPS else 1)


@pytest.mark.skipif(native.library() is None, reason="no compiler here")
@pytest.mark.parametrize("name", ["gru", "rnn_tanh"])
def test_a_single_step_is_torchs_own_but_for_many_rows_without_gradient(monkeypatch, name):
    calls = _count_torchs(monkeypatch, name)
    gates, ours, torchs = TORCHS[name]
    for batch, steps, gradient, by_torch in (
        (recurrence.MANY, 1, True, 1),
        (recurrence.MANY - 1, 1, False, 1),
        (recurrence.MANY, 1, False, 0),
        (1, 2, True, 0),
        (1, 2, False, 0),
    ):
        x, hidden, *weights = given(gates, batch=batch, time=steps)
        calls.clear()
        with torch.set_grad_enabled(gradient):
            found = ours(x, hidden, weights, *FLAGS)
        assert len(calls) == by_torch
        torch.testing.assert_close(found, torchs(x, hidden, weights, *FLAGS), atol=2e-6, rtol=0)


def _count_torchs(monkeypatch, name):
    calls, torchs = [], getattr(torch._VF, name)

    def counted(*arguments):
        calls.append(arguments)
        return torchs(*arguments)

    monkeypatch.setattr(torch._VF, name, counted)
    return calls
