"""A small ragged problem, and the slow reference: formulas of one query and one position, in Python loops."""

import math

import pytest
import torch

from seqnet.attention.scores.additive import Additive
from seqnet.attention.scores.dot import Dot
from seqnet.attention.scores.general import General
from seqnet.attention.scores.scaled_dot import ScaledDot

SCORES = {"dot": Dot, "scaled_dot": ScaledDot, "general": General, "additive": Additive}
QUERY, SOURCE, QUERIES = 6, 7, 4
LENGTHS = [7, 4, 1]


class Reference:
    """Attention one row, one query and one position at a time."""

    lengths = torch.tensor(LENGTHS)
    position = torch.tensor([[0], [2], [0]]) + torch.arange(QUERIES)

    def inputs(self, memory_size, coverage):
        """query, encoded and coverage (or None), double, in need of gradients."""
        query = torch.randn(len(LENGTHS), QUERIES, QUERY)
        encoded = torch.randn(len(LENGTHS), SOURCE, memory_size)
        paid = torch.rand(len(LENGTHS), QUERIES, SOURCE) if coverage else None
        return [part if part is None else part.double().requires_grad_() for part in (query, encoded, paid)]

    def randomised(self, attention):
        """The attention in double, its weights away from where they begin."""
        for parameter in attention.parameters():
            torch.nn.init.uniform_(parameter, -0.8, 0.8)
        return attention.double()

    def score(self, name, weights, q, h, paid):
        """One number. weights: of a Score, by name."""
        w = weights.get("compare.seen")
        if name == "additive":
            hidden = weights["query.weight"] @ q + weights["key.weight"] @ h + weights["key.bias"]
            if w is not None:
                hidden = hidden + w.flatten() * paid
            return sum(v * x for v, x in zip(weights["compare.v"].flatten(), torch.tanh(hidden), strict=True))
        key = weights["key.weight"] @ h if "key.weight" in weights else h
        product = sum(one * other for one, other in zip(q, key, strict=True))
        if name == "scaled_dot":
            product = product / math.sqrt(len(q))
        return product if w is None else product + w.flatten()[0] * paid

    def softmax(self, scores):
        total = sum(score.exp() for score in scores)
        return [score.exp() / total for score in scores]

    def each(self, answer):
        """`answer(row, query)` gives a context and weights {position: weight}; all of them, put side by side."""
        contexts, weights = [], []
        for row in range(len(LENGTHS)):
            for query in range(QUERIES):
                context, found = answer(row, query)
                contexts.append(context)
                zero = torch.zeros(()).double()
                weights.append(torch.stack([found.get(place, zero) for place in range(SOURCE)]))
        shape = (len(LENGTHS), QUERIES)
        return torch.stack(contexts).unflatten(0, shape), torch.stack(weights).unflatten(0, shape)

    def gradients(self, found, leaves):
        """Of a fixed random combination of some results."""
        generator = torch.Generator().manual_seed(3)
        total = sum((part * torch.randn(part.shape, generator=generator).double()).sum() for part in found)
        given = [leaf for leaf in leaves if leaf is not None]
        return torch.autograd.grad(total, given, allow_unused=True)

    def same(self, found, wanted, leaves, others=None):
        """Values and gradients, of `leaves` (of `wanted`: its own `others`); no gradient and one of 0 are alike."""
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other)
        pairs = zip(self.gradients(found, leaves), self.gradients(wanted, others or leaves), strict=True)
        for one, other in pairs:
            some = one if one is not None else other
            if some is not None:
                nothing = torch.zeros_like(some)
                torch.testing.assert_close(nothing if one is None else one, nothing if other is None else other)


@pytest.fixture
def reference():
    torch.manual_seed(0)
    return Reference()
