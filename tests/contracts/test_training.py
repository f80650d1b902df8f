"""Every schedule, optimiser, decoding and attention by its yaml."""

import copy
import inspect
import json
import math

import pytest
import torch
from torch import nn

from seqnet import build
from seqnet.errors import ConfigurationError


@pytest.fixture
def made_schedule(schedule, composed):
    options = composed(f"schedule={schedule}")["schedule"]

    def make(**changed):
        return build.make(options | changed)

    return make


@pytest.mark.parametrize("warmup_steps", [0, 5])
def test_a_schedule_is_finite_and_never_negative(made_schedule, warmup_steps):
    made = made_schedule(warmup_steps=warmup_steps)
    factors = [made.factor(step, step / 40) for step in range(41)]
    assert all(math.isfinite(factor) and 0 <= factor <= 1 for factor in factors)
    assert made.factor(40, 1.3) == factors[-1]  # past its end
    assert factors[warmup_steps] > 0
    assert factors[:warmup_steps] == sorted(factors[:warmup_steps])
    assert warmup_steps == 0 or factors[0] == pytest.approx(1 / (warmup_steps + 1), rel=1e-2)
    assert [made.factor(step, step / 40) for step in range(41)] == factors  # asking changes nothing


def test_a_schedule_goes_on_from_its_state(made_schedule):
    one, other = made_schedule(), made_schedule()
    heard = [True, False, False, False, False, True, False, False, False, False, False]
    for improved in heard[:6]:
        one.observe(improved)
    other.restore(json.loads(json.dumps(one.state())))
    for step, improved in enumerate(heard):
        assert other.factor(step, step / 11) == one.factor(step, step / 11)
        one.observe(improved), other.observe(improved)
    assert other.state() == one.state()


@pytest.fixture
def regression(optimizer, composed):
    """A linear regression that a model of five weights solves exactly, and its optimiser."""
    config = composed("experiment=digits", f"optimizer={optimizer}")
    model = nn.Linear(4, 1)
    inputs = torch.randn(32, 4)
    targets = inputs @ torch.tensor([[1.0], [-2.0], [0.5], [1.5]]) + 3

    def step():
        made.zero_grad()
        loss = (model(inputs) - targets).square().mean()
        loss.backward()
        made.step()
        return loss.item()

    made = build.optimizer(config, model)
    return config, model, made, step


def test_an_optimizer_lowers_the_loss_from_the_first_steps_on(regression):
    losses = [regression[3]() for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert losses[3] < losses[0]


def test_an_optimizer_goes_on_from_its_state(regression):
    config, model, made, step = regression
    step(), step()
    state, weights = copy.deepcopy(made.state_dict()), [p.detach().clone() for p in model.parameters()]
    step()
    expected = [p.detach().clone() for p in model.parameters()]
    other = build.optimizer(config, model)
    other.load_state_dict(state)
    with torch.no_grad():
        for p, before in zip(model.parameters(), weights, strict=True):
            p.copy_(before)  # its gradient is that of the third step still
    other.step()
    for p, wanted in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.detach(), wanted, rtol=0, atol=0)


@pytest.fixture
def chooses(decoding, composed):
    return build.make(composed(f"decoding={decoding}")["decoding"])


def test_a_decoding_draws_from_the_generator_it_is_handed_alone(chooses):
    logits = torch.randn(64, 9)
    before = torch.get_rng_state()
    chosen = [chooses.choose(logits, generator=torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*chosen)
    assert torch.equal(torch.get_rng_state(), before)
    assert chosen[0].shape == (64,) and chosen[0].dtype == torch.int64
    assert chosen[0].min() >= 0 and chosen[0].max() < 9


def test_a_decoding_chooses_what_is_certain_and_never_what_is_forbidden(chooses):
    generator = torch.Generator().manual_seed(5)
    certain = torch.arange(9)
    assert torch.equal(chooses.choose(torch.eye(9) * 200, generator=generator), certain)
    allowed = torch.randn(500, 9)
    allowed[:, ::2] = float("-inf")
    assert (chooses.choose(allowed, generator=generator) % 2 == 1).all()


def test_an_attention_composes_or_says_what_it_does_not_go_with(attention, composed):
    try:
        options = composed(f"attention={attention}")["attention"]
    except ConfigurationError as refused:
        assert f"attention={attention}" in str(refused)
    else:
        assert options is None or inspect.isclass(build.locate(options["_target_"], None))
