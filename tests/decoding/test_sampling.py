import pytest
import torch

from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.decoding.sampling import Sampling, sample
from seqnet.errors import ConfigurationError, NonFiniteError
from seqnet.specs import Writing

P = torch.tensor([0.1, 0.4, 0.05, 0.3, 0.15])
LOGITS = P.log() + 7.0  # logits are known up to a constant
DRAWS = 40_000


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def frequencies(temperature=1.0, top_k=None, top_p=None, logits=LOGITS, **cuts):
    ids = sample(logits.expand(DRAWS, -1), temperature, top_k, top_p, generator(), **cuts)
    return torch.bincount(ids, minlength=len(logits)) / DRAWS


def assert_distribution(found, expected):
    """Within five standard deviations of every probability, and exactly 0 where it is 0."""
    expected = torch.tensor(expected) if isinstance(expected, list) else expected
    spread = (expected * (1 - expected) / DRAWS).sqrt()
    assert ((found - expected).abs() <= 5 * spread).all(), (found, expected)


def test_the_whole_distribution():
    assert_distribution(frequencies(), P)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_is_a_power_of_the_probabilities(temperature):
    powers = P ** (1 / temperature)
    assert_distribution(frequencies(temperature), powers / powers.sum())


@pytest.mark.parametrize(
    ("top_k", "top_p", "expected"),
    [
        (2, None, [0, 4 / 7, 0, 3 / 7, 0]),
        (3, None, [0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85]),
        (99, None, P),
        (None, 0.39, [0, 1, 0, 0, 0]),
        (None, 0.41, [0, 4 / 7, 0, 3 / 7, 0]),  # the token that crosses the border is in
        (None, 0.69, [0, 4 / 7, 0, 3 / 7, 0]),
        (None, 0.71, [0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85]),
        (None, 0.9501, P),
        (None, 1.0, P),
        (2, 0.56, [0, 1, 0, 0, 0]),  # of 4/7 and 3/7: the nucleus is cut after renormalising
        (3, 0.8, [0, 4 / 7, 0, 3 / 7, 0]),
    ],
)
def test_truncated_sets_by_hand(top_k, top_p, expected):
    assert_distribution(frequencies(1.0, top_k, top_p), expected)


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [
        ({"min_p": 0.74}, [0, 4 / 7, 0, 3 / 7, 0]),  # 0.3 is 0.75 * 0.4
        ({"min_p": 0.76}, [0, 1, 0, 0, 0]),
        ({"min_p": 0.12}, P),
        ({"min_p": 1.0}, [0, 1, 0, 0, 0]),
        # The entropy is 1.392 nats; -log p is 2.30, 0.92, 3.00, 1.20, 1.90: in the order 3, 1, 4, 0, 2.
        ({"typical_p": 0.29}, [0, 0, 0, 1, 0]),
        ({"typical_p": 0.31}, [0, 4 / 7, 0, 3 / 7, 0]),
        ({"typical_p": 0.71}, [0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85]),
        ({"typical_p": 0.951}, P),
        # Of 0.4, 0.3, 0.15 over 0.85, at least 0.6 times the likeliest are 4/7 and 3/7: 0.683 nats, -log p 0.56, 0.85.
        ({"top_k": 3, "min_p": 0.6, "typical_p": 0.5}, [0, 1, 0, 0, 0]),
        ({"top_p": 0.71, "typical_p": 0.4}, [0, 4 / 7, 0, 3 / 7, 0]),  # 1.03 nats; -log p 0.75, 1.04, 1.73
    ],
)
def test_min_p_and_typical_sets_by_hand(cuts, expected):
    assert_distribution(frequencies(**cuts), expected)


def test_flat_distributions_keep_all_of_equals_by_min_p_and_some_by_typical_p():
    flat = torch.zeros(4)
    assert_distribution(frequencies(min_p=1.0, logits=flat), [0.25] * 4)
    assert_distribution(frequencies(typical_p=0.5, logits=flat), [0.5, 0.5, 0, 0])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"min_p": 2.0}, "decoding.min_p is 2.0"),
        ({"min_p": -1.0}, "decoding.min_p is -1.0"),
        ({"typical_p": 1.5}, "decoding.typical_p is 1.5"),
        ({"typical_p": 0.0}, "decoding.typical_p is 0.0"),
        ({"temperature": 0, "min_p": 0.1}, "decoding.min_p=0.1 has no effect: decoding.temperature=0"),
        ({"top_k": 1, "typical_p": 0.9}, "decoding.typical_p=0.9 has no effect: decoding.top_k=1"),
        ({"min_p": 1, "typical_p": 0.9}, "decoding.typical_p=0.9 has no effect: decoding.min_p=1"),
    ],
)
def test_cuts_that_cannot_be_or_cut_nothing_are_refused(options, named):
    with pytest.raises(ConfigurationError, match=named):
        Sampling(**options)


def test_top_k_keeps_exactly_k_of_equals():
    found = frequencies(top_k=2, logits=torch.zeros(5))
    assert_distribution(found, [0.5, 0.5, 0, 0, 0])


def test_each_row_has_its_own_distribution_and_nucleus():
    logits = torch.stack([LOGITS, LOGITS.flip(0)]).repeat(500, 1)
    ids = sample(logits, 1.0, None, 0.5, generator()).view(500, 2)
    assert set(ids[:, 0].tolist()) == {1, 3} and set(ids[:, 1].tolist()) == {3, 1}
    ids = sample(logits, 1.0, 1, None, generator()).view(500, 2)
    assert set(ids[:, 0].tolist()) == {1} and set(ids[:, 1].tolist()) == {3}


class Table:
    """A model whose logits hang on nothing but the row: those handed in."""

    def __init__(self, logits):
        self.logits = logits

    def step(self, inputs, state, memory):
        return self.logits[state[0]], state, None


def first_tokens(decoding, logits, own=None):
    rows = len(logits)
    writing = Writing(begin=0, end=None, forbidden=(), longest=1)
    found = decoding.decode(Table(logits), Start(None, (torch.arange(rows),), writing, generator=own))
    return torch.tensor([hypotheses[0].ids[0] for hypotheses in found])


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 1},
        {"top_p": 1e-6},
        {"temperature": 1e-6},
        {"temperature": 1e-300},
        {"temperature": 0},
        {"temperature": 0.0, "top_k": 5, "top_p": 0.5},
    ],
)
def test_the_narrowest_sampling_is_greedy(options):
    logits = torch.randn(200, 50, generator=generator(1)) * 20
    assert torch.equal(first_tokens(Sampling(**options), logits, generator()), first_tokens(Greedy(), logits))


def test_temperature_0_takes_the_first_of_equals_and_no_score_that_is_none():
    logits = torch.tensor([[0.0, 2.0, 2.0], [1.0, 0.0, 1.0]])
    assert first_tokens(Sampling(temperature=0), logits).tolist() == first_tokens(Greedy(), logits).tolist() == [1, 0]
    with pytest.raises(NonFiniteError, match="not finite"):
        first_tokens(Sampling(temperature=0), torch.full((1, 3), torch.nan))


def test_greedy_takes_the_first_of_equals_and_draws_nothing():
    own = generator()
    before = own.get_state()
    assert first_tokens(Greedy(), torch.tensor([[0.0, 2.0, 2.0], [1.0, 0.0, 0.0]]), own).tolist() == [1, 0]
    assert torch.equal(own.get_state(), before)


@pytest.mark.parametrize("options", [{}, {"top_k": 3}, {"top_p": 0.8}])
def test_draws_from_its_generator_alone(options):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    logits = torch.randn(20, 50, generator=generator(1))
    first, second, other = (first_tokens(Sampling(**options), logits, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second) and not torch.equal(first, other)


class Chain:
    """Logits that hang on the row and on what was read: of 0, 1, an end and a beginning."""

    logits = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(2))

    def step(self, inputs, state, memory):
        return self.logits[state[0], inputs], state, None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_whole_sequences_are_as_likely_as_the_model_says(order):
    """Whichever rows stand beside, and leave: 3 kinds of rows, 4,000 times each; at most 3 tokens."""
    many, writing = 4_000, Writing(begin=3, end=2, forbidden=(3,), longest=2)
    rows = torch.tensor(order).repeat(many)
    found = Sampling().decode(Chain(), Start(None, (rows,), writing, generator=generator()))
    for kind, place in zip(order, range(3), strict=True):
        probabilities = Chain.logits[kind, :, :3].double().softmax(-1)
        written = [tuple(row[0].ids) + (2,) * row[0].ended for row in found[place::3]]
        unlimited = Chain.logits[kind].double().log_softmax(-1)
        for sequence in set(written):
            steps = list(zip((3, *sequence), sequence, strict=False))
            likely = torch.stack([probabilities[read, token] for read, token in steps]).prod().item()
            spread = (likely * (1 - likely) / many) ** 0.5
            assert written.count(sequence) / many == pytest.approx(likely, abs=5 * spread)
            one = found[place::3][written.index(sequence)][0]
            total = sum(unlimited[read, token].item() for read, token in steps)
            assert one.log_probability == one.score == pytest.approx(total, abs=1e-5)
        assert len(set(written)) > 8, "hardly any of the 15 sequences came"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"temperature": -1.0}, r"decoding\.temperature is -1\.0; it must be at least 0"),
        ({"temperature": float("nan")}, r"decoding\.temperature"),
        ({"temperature": float("inf")}, r"decoding\.temperature"),
        ({"top_k": 0}, r"decoding\.top_k is 0"),
        ({"top_p": 0.0}, r"decoding\.top_p is 0\.0"),
        ({"top_p": 1.1}, r"decoding\.top_p is 1\.1"),
    ],
)
def test_refuses(options, named):
    with pytest.raises(ConfigurationError, match=named):
        Sampling(**options)
