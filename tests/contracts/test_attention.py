"""Every attention in configs/attention, with each value of each of its options."""

import pytest
import torch

from seqnet import build
from seqnet.attention.mixture import mixture
from seqnet.state import select
from tests.contracts.conftest import read

QUERY, MEMORY, SOURCE, QUERIES = 8, 6, 9, 4
RAGGED = [9, 4, 1, 7]
ROWS = len(RAGGED)


@pytest.fixture
def made(varied_attention):
    """The attention, in evaluation, its weights away from where they begin."""
    name, changed = varied_attention
    attention = build.make(read("attention", name) | changed, query_size=QUERY, memory_size=MEMORY)
    for parameter in attention.parameters():
        torch.nn.init.uniform_(parameter, -0.8, 0.8)
    return attention.double().eval()


@pytest.fixture
def asked(made):
    """Encoded source, lengths, queries, positions, coverage or None."""
    encoded = torch.randn(ROWS, SOURCE, MEMORY).double()
    query = torch.randn(ROWS, QUERIES, QUERY).double()
    position = torch.tensor([[0], [3], [5], [2]]) + torch.arange(QUERIES)
    coverage = torch.rand(ROWS, QUERIES, SOURCE).double() if made.coverage else None
    return encoded, torch.tensor(RAGGED), query, position, coverage


def padding(source):
    return torch.arange(source) >= torch.tensor(RAGGED)[:, None]


def run(attention, encoded, lengths, query, position, coverage, weights=True):
    return attention(query, attention.prepare(encoded, lengths), position, coverage, weights)


def answer(found):
    """What is made of what the queries found, [batch queries context]: the context, or of an attention that mixes
    what is answered at each position that mixture.
    """
    return found.context if found.logs is None else mixture(found.context, found.logs)


def seen(found):
    return answer(found), found.weights


def same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("learns", [False, True], ids=["evaluation", "training"])
def test_it_answers_at_each_position_only_where_it_says_so(made, asked, learns):
    mixes = getattr(made, "mixes", False)
    found = run(made.train(learns), *asked)
    if learns or not mixes:
        assert (found.logs is not None) == mixes
    if found.logs is not None:
        assert found.logs.shape[:2] == (ROWS, QUERIES) and found.context.shape[2] == found.logs.shape[2]
        torch.testing.assert_close(found.logs.exp().sum(-1), torch.ones(ROWS, QUERIES).double())
        torch.testing.assert_close(found.weights[:, 0].amax(-1), found.logs.exp().amax(-1))


@pytest.mark.parametrize("learns", [False, True], ids=["evaluation", "training"])
def test_weights_sum_to_1_and_are_exactly_0_in_padding(made, asked, learns):
    found = run(made.train(learns), *asked)
    assert answer(found).shape == (ROWS, QUERIES, made.context_size)
    assert found.weights.shape[::2] == (ROWS, QUERIES) and found.weights.shape[3] == SOURCE
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(found.weights.shape[:3]).double())
    assert (found.weights >= 0).all()
    assert not found.weights.movedim(3, 1)[padding(SOURCE)].any()
    torch.testing.assert_close(found.weights[2, :, :, 0], torch.ones(found.weights.shape[1:3]).double())


def test_weights_are_made_where_they_are_wanted_and_change_nothing(made, asked):
    wanted, without = run(made, *asked), run(made, *asked, weights=False)
    assert without.weights is None
    torch.testing.assert_close(answer(without), answer(wanted))


def test_no_lengths_are_full_lengths(made, asked):
    encoded, _, *rest = asked
    full = run(made, encoded, torch.full((ROWS,), SOURCE), *rest)
    same(seen(run(made, encoded, None, *rest)), seen(full))


def test_padding_and_the_rows_beside_do_not_matter(made, asked):
    encoded, lengths, query, position, coverage = asked
    found = run(made, *asked)
    longer = torch.cat([encoded, encoded[:, :3]], dim=1)
    longer[padding(SOURCE + 3)] = 1e3
    paid = None
    if coverage is not None:
        paid = torch.cat([coverage, coverage[..., :3]], dim=2)
        paid.movedim(2, 1)[padding(SOURCE + 3)] = 1e3
    padded = run(made, longer, lengths, query, position, paid)
    torch.testing.assert_close(answer(padded), answer(found))
    torch.testing.assert_close(padded.weights[..., :SOURCE], found.weights)
    assert not padded.weights[..., SOURCE:].any()
    for row, length in enumerate(RAGGED):
        one = slice(row, row + 1)
        paid = None if coverage is None else coverage[one, :, :length]
        alone = run(made, encoded[one, :length], None, query[one], position[one], paid)
        torch.testing.assert_close(answer(alone), answer(found)[one])
        torch.testing.assert_close(alone.weights, found.weights[one, ..., :length])


def test_queries_side_by_side_are_one_at_a_time(made, asked):
    """Be they target steps or hypotheses, which stand at one position."""
    encoded, lengths, query, position, coverage = asked
    memory = made.prepare(encoded, lengths)
    for places in (position, position[:, :1].expand(-1, QUERIES)):
        found = made(query, memory, places, coverage, True)
        for one in range(QUERIES):
            here = slice(one, one + 1)
            paid = None if coverage is None else coverage[:, here]
            alone = made(query[:, here], memory, places[:, here], paid, True)
            torch.testing.assert_close(answer(alone), answer(found)[:, here])
            torch.testing.assert_close(alone.weights, found.weights[:, :, here])


@pytest.fixture
def covered():
    """The test is of attentions that know of coverage."""


def test_a_coverage_of_all_queries_is_that_of_each(made, covered, asked):
    encoded, lengths, query, position, coverage = asked
    first = coverage[:, :1]
    each = run(made, encoded, lengths, query, position, first.expand(-1, QUERIES, -1))
    same(seen(run(made, encoded, lengths, query, position, first)), seen(each))


def test_rows_of_a_memory_can_be_picked(made, asked):
    encoded, lengths, query, position, coverage = asked
    memory, rows = made.prepare(encoded, lengths), torch.tensor([3, 1, 1, 0, 2])
    found = made(query, memory, position, coverage, True)
    picked = made(*select((query, memory, position, coverage), rows), True)
    same(seen(picked), [part[rows] for part in seen(found)])


def gradients(attention, inputs, weights):
    """Of everything that training makes, with respect to inputs and weights."""
    torch.manual_seed(1)
    found = run(attention.train(), *inputs, weights=weights)
    chosen = (found.log_probability, found.baseline, found.bonus)
    made = [answer(found), *(part for part in chosen if part is not None)]
    total = sum((part * torch.randn(part.shape)).sum() for part in made)
    wanted = [part for part in inputs if part is not None and part.is_floating_point()] + [*attention.parameters()]
    return torch.autograd.grad(total, wanted)


def test_gradients_reach_queries_source_coverage_and_all_weights(made, asked):
    inputs = [part.requires_grad_() if part is not None and part.is_floating_point() else part for part in asked]
    found = gradients(made, inputs, False)
    for part in found:
        assert part.isfinite().all() and part.any()
    assert not found[0][padding(SOURCE)].any()
    for one, other in zip(gradients(made, inputs, True), found, strict=True):
        torch.testing.assert_close(one, other)


def test_keys_are_projected_once_a_source(made, asked):
    """Asking reads the memory alone: what `prepare` was given may be gone."""
    encoded, lengths, query, position, coverage = asked
    memory = made.prepare(encoded, lengths)
    projections = [module for name, module in made.named_modules() if name.endswith(("key", "value"))]
    for module in projections:
        module.register_forward_pre_hook(lambda *_: pytest.fail("projected again"))
    made(query, memory, position, coverage, True)


@pytest.mark.parametrize("learns", [False, True], ids=["evaluation", "training"])
def test_half_precision(made, asked, learns):
    inputs = [part.float() if part is not None and part.is_floating_point() else part for part in asked]
    made.float().train(learns)
    with torch.autocast("cpu", torch.bfloat16):
        found = run(made, *inputs)
    sums = found.weights.float().sum(-1)
    torch.testing.assert_close(sums, torch.ones_like(sums), rtol=0, atol=2e-2)
    assert not found.weights.movedim(3, 1)[padding(SOURCE)].any()
    assert answer(found).isfinite().all()


def test_a_row_without_a_source_spoils_no_other(made, asked):
    encoded, lengths, *rest = asked
    lengths = lengths * torch.tensor([1, 0, 1, 1])
    found, before = run(made, encoded, lengths, *rest), run(made, *asked)
    assert answer(found).isfinite().all()
    rows = torch.tensor([0, 2, 3])
    same([part[rows] for part in seen(found)], [part[rows] for part in seen(before)])
