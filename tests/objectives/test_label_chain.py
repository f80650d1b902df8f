"""Labels that are told of each other, against the equations by hand, every set of them, and one label at a time."""

import math
from itertools import product

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives import label_chain, nade
from seqnet.objectives.fvsbn import Fvsbn
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.nade import Nade
from seqnet.specs import Tokens, Vector

BOTH = pytest.mark.parametrize("cls", [Nade, Fvsbn])


def made(cls, size=4, **options):
    """An objective in doubles whose labels depend much on each other."""
    torch.manual_seed(0)
    objective = cls(Vector(size), **options)
    for weight in objective.links.double().parameters():
        torch.nn.init.normal_(weight, std=1)
    return objective


def logits_of(objective, items):
    return torch.randn(items, objective.out_features, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def by_hand(objective, logits, labels):
    """p(x | h), label after label, by the equations of the papers."""
    size, weights = len(labels), {name: each.tolist() for name, each in objective.links.named_parameters()}
    found = 1.0
    for d in range(size):
        if isinstance(objective, Nade):
            hidden = [
                sigmoid(logits[size + unit] + sum(weights["read"][k][unit] * labels[k] for k in range(d)))
                for unit in range(len(logits) - size)
            ]
            total = logits[d] + sum(v * h for v, h in zip(weights["write"][d], hidden, strict=True))
        else:
            u = dict(zip([(k, j) for k in range(size) for j in range(k + 1, size)], weights["weight"], strict=True))
            total = logits[d] + sum(u[k, d] * labels[k] for k in range(d))
        found *= sigmoid(total) if labels[d] else 1 - sigmoid(total)
    return found


@BOTH
def test_every_set_of_labels_has_the_probability_of_the_equations_and_all_sum_to_1(cls):
    objective = made(cls)
    (logits,) = logits_of(objective, 1)
    every = torch.tensor(list(product((0.0, 1.0), repeat=4)), dtype=torch.float64)
    found = (-objective.losses(logits.expand(16, -1), every)).exp()
    assert found.tolist() == pytest.approx([by_hand(objective, logits.tolist(), row) for row in every.tolist()])
    assert found.sum().item() == pytest.approx(1)


@BOTH
def test_all_labels_at_once_are_one_after_the_other(cls):
    objective = made(cls, 9)
    logits, labels = logits_of(objective, 7), torch.rand(7, 9).round()
    labels[0], labels[1] = 0, 1
    state, found = objective.links.begin(logits), []
    for place, there in enumerate(labels.double().T):
        found.append(objective.links.logit(place, logits, state))
        state = objective.links.moved(place, state, there)
    torch.testing.assert_close(torch.stack(found, dim=1), objective.links.given(logits, labels))
    if cls is Nade:  # as a GPU makes it: a state for each label
        dense = objective.links._given(logits, labels[:, :-1].double(), 9)
        torch.testing.assert_close(torch.stack(found, dim=1), dense)


@BOTH
@pytest.mark.parametrize("cut", [False, True])
def test_gradients_are_right(cls, cut, monkeypatch):
    """cut: of some items at a time, computed again in the backward pass."""
    objective = made(cls)
    if cut:
        monkeypatch.setattr(nade, "LARGEST", 1)
    labels = torch.tensor([[0.0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]], dtype=torch.float64)
    given = [logits_of(objective, 3).requires_grad_(), *objective.links.parameters()]
    assert torch.autograd.gradcheck(lambda logits, *_: objective.losses(logits, labels), given)


@BOTH
def test_what_is_answered_are_the_likeliest_labels_and_their_probability(cls, monkeypatch):
    """A beam of 16 keeps every set of the first four labels."""
    objective = made(cls, 5, beam_size=16)
    logits = logits_of(objective, 12)
    there, share = objective.decide(logits.view(3, 4, -1))
    assert there.shape == (3, 4, 5)
    every = torch.tensor(list(product((0.0, 1.0), repeat=5)), dtype=torch.float64)
    losses = objective.losses(logits.repeat_interleave(32, 0), every.repeat(12, 1)).view(12, 32)
    assert torch.equal(there.view(12, 5), every[losses.argmin(dim=1)].bool())
    torch.testing.assert_close(share.flatten(), (-losses.amin(dim=1)).exp())
    given = objective.links.given(logits, there.view(12, 5).double())
    torch.testing.assert_close(objective.probabilities(logits), given.sigmoid())
    monkeypatch.setattr(label_chain, "LARGEST", 1)
    assert torch.equal(objective.decide(logits)[0], there.view(12, 5))


@BOTH
def test_a_beam_of_one_decides_label_by_label(cls):
    objective = made(cls, 9, beam_size=1)
    logits = logits_of(objective, 60)
    there = objective.decide(logits)[0]
    assert torch.equal(there, objective.conditionals(logits) > 0)
    assert torch.equal(objective.draw(logits, torch.Generator(), 0.0)[0], there)
    assert (made(cls, 9).decide(logits)[1] >= objective.decide(logits)[1]).all()
    assert not torch.equal(made(cls, 9).decide(logits)[0], there)


@BOTH
def test_how_likely_88_labels_are_is_told_though_single_precision_has_no_such_number(cls):
    chain = made(cls, 88)
    chain.links.float()
    for objective in (chain, MultiLabel(Vector(88))):
        logits = torch.full((2, objective.out_features), -8.0)
        there, share = objective.draw(logits, torch.Generator().manual_seed(1), 10.0)
        losses = [
            objective.loss(one[None], labels[None].float()).item() for one, labels in zip(logits, there, strict=True)
        ]
        assert min(losses) > 104, "where single precision has 0"
        torch.testing.assert_close(-share.log(), torch.tensor(losses, dtype=torch.float64), rtol=1e-5, atol=0)


@BOTH
def test_told_of_labels_the_logits_do_not_jump(cls):
    """So that what an explanation adds up along a path is the difference between its ends."""
    objective = made(cls)
    ends = logits_of(objective, 2) * 3
    labels = objective.decide(ends[1:])[0]
    shares = ((torch.arange(2000, dtype=torch.float64) + 0.5) / 2000)[:, None]
    path = (ends[:1] + shares * (ends[1:] - ends[:1])).requires_grad_()
    told = objective.conditionals(path, labels.expand(2000, -1))
    (slopes,) = torch.autograd.grad(told[:, 3].sum(), path)
    difference = objective.conditionals(ends, labels.expand(2, -1))[:, 3]
    assert ((slopes * (ends[1] - ends[0])).sum(1).mean() - difference[1] + difference[0]).abs() < 1e-6


@BOTH
def test_scores_are_of_what_is_answered_and_nll_of_what_is_true(cls):
    objective = made(cls, 5)
    logits, labels = logits_of(objective, 40), torch.rand(40, 5).round().double()
    metrics = objective.metrics()
    for some in (slice(0, 9), slice(9, 40)):
        objective.update(metrics, logits[some], labels[some])
    right = (objective.decide(logits)[0] == labels.bool()).double().mean()
    assert metrics["accuracy"].compute().item() == pytest.approx(right.item())
    loss = objective.loss(logits, labels).item() / 40
    assert metrics["nll"].compute().item() == pytest.approx(loss)
    assert objective.derived(loss) == {"nll": loss}


@BOTH
def test_draws_come_as_often_as_they_are_likely(cls):
    objective, draws = made(cls, 3), 20_000
    (logits,) = logits_of(objective, 1)
    random = torch.Generator().manual_seed(5)
    drawn, share = objective.draw(logits.expand(draws, -1), random)
    for row in product((0, 1), repeat=3):
        same, likely = (drawn == torch.tensor(row).bool()).all(dim=1), by_hand(objective, logits.tolist(), row)
        assert same.double().mean().item() == pytest.approx(likely, abs=4 * 0.5 / draws**0.5)
        torch.testing.assert_close(share[same], torch.full_like(share[same], likely))
    again = objective.draw(logits.expand(draws, -1), torch.Generator().manual_seed(5))[0]
    assert torch.equal(drawn, again)
    cold = objective.draw(logits.expand(500, -1), random, 1e-6)[0]
    assert torch.equal(cold, objective.draw(logits[None], random, 0.0)[0].expand(500, -1))


@BOTH
def test_labels_that_exclude_each_other_are_learnt(cls):
    """Two sets, each half of the time: log 2 nats, where labels by themselves would need 3 log 2."""
    torch.manual_seed(0)
    objective = cls(Vector(3))
    head = objective.output_layer(1)
    items, labels = torch.ones(2, 1), torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.3)
    for _ in range(80):
        optimizer.zero_grad()
        loss = objective.loss(head(items), labels) / 2
        loss.backward()
        optimizer.step()
    assert loss.item() == pytest.approx(math.log(2), abs=0.05)


@BOTH
def test_its_weights_are_the_models(cls):
    objective = cls(Vector(4))
    head = objective.output_layer(6)
    names = {name for name, _ in head.named_parameters()}
    assert names == {"weight", "bias", *(f"links.{name}" for name, _ in objective.links.named_parameters())}
    before = objective.loss(head(torch.ones(1, 6)), torch.ones(1, 4))
    head.load_state_dict({name: torch.full_like(each, 0.5) for name, each in head.state_dict().items()})
    assert objective.loss(head(torch.ones(1, 6)), torch.ones(1, 4)) != before
    assert all((weight == 0.5).all() for weight in objective.links.parameters())


@BOTH
def test_under_autocast_it_is_exact(cls):
    objective = made(cls)
    objective.links.float()
    logits, labels = logits_of(objective, 6).bfloat16(), torch.rand(6, 4).round()
    expected, there = objective.losses(logits, labels), objective.decide(logits)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(objective.losses(logits, labels), expected)
        torch.testing.assert_close(objective.decide(logits), there)
    assert expected.dtype == torch.float32


@BOTH
def test_refuses_what_are_not_several_labels(cls):
    name = cls.__name__.lower()
    with pytest.raises(ConfigurationError, match=f"objective={name} judges several labels"):
        cls(Vector(1))
    with pytest.raises(ConfigurationError, match=f"objective={name} needs targets that are numbers"):
        cls(Tokens(("a", "b")))
