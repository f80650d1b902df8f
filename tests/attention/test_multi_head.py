import math

import pytest
import torch

from seqnet.attention.multi_head import MultiHead
from seqnet.attention.soft import Soft
from seqnet.errors import ConfigurationError
from tests.attention.conftest import SCORES

QUERY, HEADS = 6, 3
WIDTH = QUERY // HEADS


def head_score(name, weights, head, q, h, paid):
    mine = slice(head * WIDTH, (head + 1) * WIDTH)
    query, key = weights["query.weight"][mine] @ q, weights["key.weight"][mine] @ h
    w = weights.get("compare.seen")
    if name == "additive":
        hidden = query + key + weights["key.bias"][mine]
        if w is not None:
            hidden = hidden + w[head].flatten() * paid
        return weights["compare.v"][head].flatten() @ torch.tanh(hidden)
    product = query @ key / (math.sqrt(WIDTH) if name == "scaled_dot" else 1)
    return product if w is None else product + w[head].squeeze() * paid


@pytest.mark.parametrize(("residual", "norm"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("coverage", [False, True], ids=["plain", "coverage"])
@pytest.mark.parametrize("score", ["dot", "scaled_dot", "additive"])
def test_is_the_formula(reference, score, coverage, residual, norm):
    attention = reference.randomised(MultiHead(QUERY, 5, SCORES[score], HEADS, residual, norm, coverage))
    query, encoded, paid = reference.inputs(5, coverage)
    weights = dict(attention.named_parameters())

    def head_weights(row, at, head):
        places = range(int(reference.lengths[row]))
        return reference.softmax(
            [
                head_score(
                    score,
                    weights,
                    head,
                    query[row, at],
                    encoded[row, place],
                    0 if paid is None else paid[row, at, place],
                )
                for place in places
            ]
        )

    def answer(row, at):
        parts = []
        for head in range(HEADS):
            value = weights["value.weight"][head * WIDTH : (head + 1) * WIDTH]
            found = enumerate(head_weights(row, at, head))
            parts.append(sum(weight * (value @ encoded[row, place]) for place, weight in found))
        context = weights["combine.weight"] @ torch.cat(parts)
        if residual:
            context = query[row, at] + context
        if norm:
            variance = ((context - context.mean()) ** 2).mean()
            context = (context - context.mean()) / (variance + 1e-5).sqrt()
            context = context * weights["norm.weight"] + weights["norm.bias"]
        return context, {}

    found = attention(query, attention.prepare(encoded, reference.lengths), reference.position, paid, True)
    context, _ = reference.each(answer)
    heads = [
        reference.each(lambda row, at, head=head: (query[row, at], dict(enumerate(head_weights(row, at, head)))))[1]
        for head in range(HEADS)
    ]
    leaves = [query, encoded, paid, *attention.parameters()]
    reference.same([found.context, found.weights], [context, torch.stack(heads, dim=1)], leaves)


@pytest.mark.parametrize("score", ["dot", "scaled_dot"])
def test_one_head_without_projections_is_soft_attention(reference, score):
    heads, soft = (
        MultiHead(QUERY, QUERY, SCORES[score], num_heads=1).double(),
        Soft(QUERY, QUERY, SCORES[score]).double(),
    )
    for module in (heads.query, heads.key, heads.value, heads.combine):
        torch.nn.init.eye_(module.weight)
    query, encoded, _ = reference.inputs(QUERY, False)
    rest = (reference.position, None, True)
    found = heads(query, heads.prepare(encoded, reference.lengths), *rest)
    wanted = soft(query, soft.prepare(encoded, reference.lengths), *rest)
    reference.same(found[:2], wanted[:2], [query, encoded])


def test_one_additive_head_is_soft_attention_with_its_projections(reference):
    heads, soft = (
        MultiHead(QUERY, QUERY, SCORES["additive"], num_heads=1).double(),
        Soft(QUERY, QUERY, SCORES["additive"]).double(),
    )
    for module in (heads.value, heads.combine):
        torch.nn.init.eye_(module.weight)
    heads.query.load_state_dict(soft.score.query.state_dict())
    heads.key.load_state_dict(soft.score.key.state_dict())
    heads.compare.v.data = soft.score.compare.v.data[None]
    query, encoded, _ = reference.inputs(QUERY, False)
    rest = (reference.position, None, True)
    found = heads(query, heads.prepare(encoded, reference.lengths), *rest)
    wanted = soft(query, soft.prepare(encoded, reference.lengths), *rest)
    reference.same(found[:2], wanted[:2], [query, encoded])


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ConfigurationError, match="attention.num_heads=3 does not divide model.hidden_size=8"):
        MultiHead(8, 8, num_heads=3)
