"""The sooner product against torch's own."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seqnet import linear as module
from seqnet.linear import Linear, crossed, linear, products


def given(shape, bias=True, outputs=1000):
    drawn = torch.Generator().manual_seed(0)
    parts = [torch.randn(shape, generator=drawn), torch.randn(outputs, shape[-1], generator=drawn) / shape[-1] ** 0.5]
    parts += [torch.randn(outputs, generator=drawn)] if bias else []
    return [part.requires_grad_() for part in parts]


def everything(function, parts):
    y = function(*parts)
    return [y, *torch.autograd.grad((y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum(), parts)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 300), (4, 300), (5, 300), (200, 300), (3, 70, 300), (0, 300)], ids=str)
def test_outputs_and_gradients_are_torchs(shape, bias):
    parts = given(shape, bias)
    for found, expected in zip(everything(linear, parts), everything(F.linear, parts), strict=True):
        torch.testing.assert_close(
            found, expected, atol=2e-6 * max(1.0, expected.abs().max().item() if expected.numel() else 1.0), rtol=0
        )
    with torch.no_grad():
        torch.testing.assert_close(linear(*parts), F.linear(*parts), atol=1e-5, rtol=0)


@pytest.mark.parametrize("way", [lambda x: x[:, 3], lambda x: x.transpose(0, 1)])
def test_rows_that_do_not_lie_side_by_side(way):
    parts = given((20, 7, 300))
    found = everything(lambda x, *rest: linear(way(x), *rest), parts)
    expected = everything(lambda x, *rest: F.linear(way(x), *rest), parts)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


def test_only_what_is_asked_gets_a_gradient():
    x, weight, bias = given((200, 300))
    x.requires_grad_(False)
    weight.requires_grad_(False)
    y = linear(x, weight, bias)
    y.sum().backward()
    assert x.grad is None and weight.grad is None
    torch.testing.assert_close(bias.grad, torch.full_like(bias, 200.0))


def test_a_gradient_of_the_gradient():
    parts = [part.double().detach().float().requires_grad_() for part in given((40, 200), outputs=200)]
    found = []
    for way in (linear, F.linear):
        (first,) = torch.autograd.grad(way(*parts).tanh().sum(), parts[:1], create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), parts))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_many_products_with_one_matrix(rows):
    drawn = torch.Generator().manual_seed(0)
    into, x, plus = (torch.randn(shape, generator=drawn) for shape in ((300, 900), (rows, 300), (rows, 900)))
    times = products(into, rows)
    torch.testing.assert_close(times(x, None), x @ into, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(times(x, plus), plus + x @ into, atol=1e-4, rtol=1e-5)


def test_where_it_is_taken(monkeypatch):
    """By enough rows, in single precision, without autocast."""
    if not module.AVAILABLE:
        pytest.skip("torch was built without oneDNN")
    taken = []
    product = module._product
    monkeypatch.setattr(module, "_product", lambda x, *rest: taken.append(x.shape) or product(x, *rest))
    layer, many, few = Linear(300, 1000), torch.randn(20, 300), torch.randn(4, 300)
    layer(many)
    assert taken == [(20, 300)]
    layer(few)
    Linear(300, 10)(many)
    Linear(300, 1000).double()(many.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(many).dtype == torch.bfloat16
    assert len(taken) == 1
    monkeypatch.setattr(module, "AVAILABLE", False)
    layer(many)
    assert len(taken) == 1
    assert isinstance(layer, nn.Linear) and list(layer.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize("rows", [0, 3, 40, 900])
def test_a_product_over_the_rows(rows):
    drawn = torch.Generator().manual_seed(0)
    one, other = torch.randn(rows, 500, generator=drawn), torch.randn(rows, 70, generator=drawn)
    found = crossed(one, other)
    assert found.is_contiguous()
    torch.testing.assert_close(found, one.t() @ other, atol=1e-4, rtol=1e-5)
