"""What may not be written, worked by hand, and for logits drawn at random against a check of what was written."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqnet.decoding.beam import Beam
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.decoding.limits import Limits
from seqnet.decoding.sampling import Sampling
from seqnet.errors import ConfigurationError
from seqnet.specs import Writing

END, BEGIN = 4, 5
WRITING = Writing(begin=BEGIN, end=END, forbidden=(BEGIN,), longest=6)
LOGITS = torch.arange(6.0).expand(2, -1)


def allowed(limits, written, prefix=(), writing=WRITING):
    """The ids that may come next in each row; their logits must be those of the model."""
    found = limits.apply(LOGITS.clone(), torch.tensor(written).view(2, -1).long(), writing, prefix)
    kept = found > -torch.inf
    assert torch.equal(found[kept], LOGITS[kept])
    return [row.nonzero()[:, 0].tolist() for row in kept]


def test_forbidden_tokens_and_the_end_before_its_time():
    assert allowed(Limits(), [[], []]) == [[0, 1, 2, 3, 4]] * 2
    assert allowed(Limits(min_length=2), [[0], [1]]) == [[0, 1, 2, 3]] * 2
    assert allowed(Limits(min_length=2), [[0, 0], [1, 1]]) == [[0, 1, 2, 3, 4]] * 2
    assert allowed(Limits(min_length=2), [[], []], writing=Writing(BEGIN, None, (0, 3), 6)) == [[1, 2, 4, 5]] * 2


def test_n_grams_by_hand():
    rows = [[0, 1, 0, 2, 0], [3, 3, 3, 1, 2]]
    assert allowed(Limits(no_repeat_ngram=1), rows) == [[3, 4], [0, 4]]
    assert allowed(Limits(no_repeat_ngram=2), rows) == [[0, 3, 4], [0, 1, 2, 3, 4]]
    assert allowed(Limits(no_repeat_ngram=3), [[0, 1, 2, 0, 1], [1, 1, 1, 1, 1]]) == [[0, 1, 3, 4], [0, 2, 3, 4]]
    assert allowed(Limits(no_repeat_ngram=6), rows) == [[0, 1, 2, 3, 4]] * 2


def test_where_an_n_gram_leaves_nothing_it_may_come_again():
    """0, 1, 2, 3 were all written, and the end may not come yet: in that row alone all four may again."""
    limits = Limits(min_length=9, no_repeat_ngram=1)
    assert allowed(limits, [[0, 1, 2, 3], [0, 0, 1, 1]]) == [[0, 1, 2, 3], [2, 3]]


def test_a_prefix_goes_before_all_other_limits():
    limits = Limits(min_length=9, no_repeat_ngram=1)
    assert allowed(limits, [[0], [0]], prefix=(0, 0, BEGIN)) == [[0]] * 2
    assert allowed(limits, [[0, 0], [0, 0]], prefix=(0, 0, BEGIN)) == [[BEGIN]] * 2
    assert allowed(limits, [[0, 0], [0, 0]], prefix=(0, 0)) == [[1, 2, 3]] * 2


@pytest.mark.parametrize(
    ("limits", "writing", "steps"),
    [
        ({}, Writing(BEGIN, END, (), 7), 10),
        ({"max_length": 3}, Writing(BEGIN, END, (), 7), 3),
        ({"max_length": 30}, Writing(BEGIN, END, (), 7), 30),
        ({"min_length": 20}, Writing(BEGIN, END, (), 7), 21),  # the end counts too
        ({"min_length": 9}, Writing(BEGIN, END, (), 7), 10),
        ({}, Writing(BEGIN, None, (), 7), 7),
        ({"max_length": 3}, Writing(BEGIN, None, (), 7), 3),
        ({"max_length": 30, "min_length": 20}, Writing(BEGIN, None, (), 7), 7),
    ],
)
def test_how_many_steps(limits, writing, steps):
    assert Limits(**limits).steps(writing) == Limits(**limits).steps(writing, steps) == steps
    with pytest.raises(ConfigurationError, match=rf"decoding\.max_length lets {steps} .* {steps + 1} are given"):
        Limits(**limits).steps(writing, steps + 1)


class Table:
    """Logits that hang on the state and on what was read."""

    def __init__(self, seed):
        self.logits = torch.randn(97, 6, generator=torch.Generator().manual_seed(seed)) * 3

    def step(self, inputs, state, memory):
        place = (state[0] * 5 + inputs + 1) % 97
        return self.logits[place], (place,), None


@pytest.mark.parametrize("kind", ["greedy", "beam", "sampling"])
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    min_length=st.integers(0, 6),
    more=st.integers(0, 6),
    size=st.integers(0, 4),
    prefix=st.lists(st.integers(0, 3), max_size=4),
    rows=st.integers(1, 4),
)
def test_limits_hold_of_what_is_written(kind, seed, min_length, more, size, prefix, rows):
    limits = {
        "min_length": min_length,
        "max_length": max(1, min_length + more, len(prefix)),
        "no_repeat_ngram": size,
    }
    made = {"greedy": Greedy, "beam": lambda **own: Beam(3, n_best=3, **own), "sampling": Sampling}[kind](**limits)
    found = made.decode(Table(seed), Start(None, (torch.arange(rows) * 11,), WRITING, prefix))
    assert len(found) == rows
    for row in found:
        assert 1 <= len(row) <= (3 if kind == "beam" else 1)
        assert len({tuple(one.ids) for one in row}) == len(row)
        for one in row:
            assert min_length <= len(one.ids) <= limits["max_length"] - one.ended
            assert one.ended or len(one.ids) == limits["max_length"]
            assert not {BEGIN, END} & set(one.ids)
            assert one.ids[: len(prefix)] == prefix
            assert one.log_probability < 0
            if size == 0 or size == 1 and min_length > 4:
                continue  # more must be written than there are tokens
            grams = [tuple(one.ids[place : place + size]) for place in range(len(one.ids) - size + 1)]
            forced = max(0, len(prefix) - size + 1)  # what the prefix repeats is forced
            assert len(set(grams[forced:])) == len(grams[forced:])
            assert not set(grams[forced:]) & set(grams[:forced])
