"""The sooner product against torch's own."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seqnet import linear as module
from seqnet.linear import Linear, Unrolled, crossed, linear, linear_onto, products


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


class Looped:
    """A loop that multiplies a state by weights of which one is used twice a step, one has a bias, one is frozen."""

    def __init__(self, width=40, steps=7):
        drawn = torch.Generator().manual_seed(1)

        def weight(*shape):
            return nn.Parameter(torch.randn(shape, generator=drawn) / width**0.5)

        self.steps, self.twice, self.plain = steps, weight(width, width), weight(2 * width, width)
        self.bias, self.frozen = weight(2 * width), weight(width, width).requires_grad_(False)
        self.x = torch.randn(steps, 6, width, generator=drawn).requires_grad_()
        self.parts = [self.x, self.twice, self.plain, self.bias]

    def run(self, product, product_onto, steps=None):
        h = self.x.new_zeros(self.x.shape[1:])
        for x in (self.x if steps is None else steps).unbind(0):
            one, other = product(h, self.plain, self.bias).chunk(2, dim=-1)
            h = torch.tanh(product_onto(x + one, product(torch.tanh(other), self.twice), self.twice))
            h = h + product(x, self.frozen)
        return h

    def usual(self):
        return self.run(F.linear, lambda y, x, weight: y + F.linear(x, weight))

    def at_once(self):
        with Unrolled(self.steps) as loop:
            return self.run(linear, linear_onto, loop.once(self.x))


@pytest.mark.parametrize("width", [40, 1100], ids=["torch's products", "oneDNN's"])
def test_gradients_of_a_loops_weights_made_at_once(width):
    loop = Looped(width, steps=7 if width < 1000 else 3)
    found, expected = loop.at_once(), loop.usual()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    ways = [torch.autograd.grad(y.square().sum(), loop.parts, retain_graph=True) for y in (found, expected, found)]
    for one, other, again in zip(*ways, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5 * other.abs().max().item(), rtol=0)
        assert one.equal(again)


def test_one_product_for_a_weights_gradient(monkeypatch):
    made = []
    monkeypatch.setattr(module, "crossed", lambda dy, x: made.append(tuple(x.shape)) or crossed(dy, x))
    loop = Looped()
    loop.at_once().sum().backward()
    assert sorted(made) == [(42, 40), (42, 40), (42, 40)]  # of `plain`, and of `twice` once for each use


def test_a_loop_that_ends_before_its_last_step():
    loop = Looped()
    short = [*torch.autograd.grad(loop.run(F.linear, lambda y, x, w: y + F.linear(x, w), loop.x[:3]).sum(), loop.parts)]
    with Unrolled(loop.steps):
        y = loop.run(linear, linear_onto, loop.x[:3])
    for one, other in zip(torch.autograd.grad(y.sum(), loop.parts), short, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


def test_a_loop_of_one_step_goes_as_ever():
    loop = Looped(steps=1)
    with Unrolled(1) as single:
        x = single.once(loop.x)
        y = loop.run(linear, linear_onto, x)
    assert x is loop.x and not single.later
    ways = [torch.autograd.grad(one.sum(), loop.parts) for one in (y, loop.usual())]
    for one, other in zip(*ways, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_a_weight_with_and_without_its_bias_and_of_other_rows():
    weight, bias = nn.Parameter(torch.eye(3)), nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    x, steps = torch.arange(12.0).view(2, 2, 3), 2

    def run(product):
        return sum(
            (product(x[n], weight, bias) * product(x[n], weight)).sum()
            + product(x[n, :1], weight, bias * n).square().sum()  # a bias that is another in each step
            for n in range(steps)
        )

    with Unrolled(steps):
        y = run(linear)
    expected = run(F.linear)
    assert y.equal(expected)
    for one, other in zip(*(torch.autograd.grad(each, [weight, bias]) for each in (y, expected)), strict=True):
        torch.testing.assert_close(one, other)


def test_what_a_loop_multiplied_and_then_changed_is_refused():
    weight, h = nn.Parameter(torch.eye(3)), torch.ones(2, 3)
    with Unrolled(2) as loop:
        y = linear(h, weight)
    assert loop.later
    h.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("asked", [0, 2], ids=["input", "weight"])
def test_a_loop_has_no_gradients_of_gradients(asked):
    loop = Looped()
    with pytest.raises(RuntimeError, match="no gradients of gradients"):
        torch.autograd.grad(loop.at_once().sum(), loop.parts[asked], create_graph=True)


def test_beyond_a_loop_and_where_nothing_is_the_same_in_each_step_it_is_as_ever():
    weight, x = nn.Parameter(torch.eye(3)), torch.ones(2, 3)
    with Unrolled(2) as loop:
        assert loop.takes(x, weight)
        assert not loop.takes(x, weight * 2)  # made anew, for all one knows
        assert not loop.takes(x[:, None], weight) and not loop.takes(x.double(), weight)
        with torch.autocast("cpu"):
            assert not loop.takes(x, weight)
        with torch.no_grad():
            linear(x, weight)
        with pytest.raises(ZeroDivisionError), Unrolled(3):
            1 / 0  # noqa: B018
        assert not loop.later
        linear(x, weight)
        assert len(loop.later) == 1
    (gradient,) = torch.autograd.grad(linear(x, weight).sum(), weight, create_graph=True)
    assert gradient.tolist() == [[2.0] * 3] * 3 and len(loop.later) == 1
