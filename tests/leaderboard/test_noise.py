"""What is noise: against the tables of Student's t that books print, and numbers computed by hand."""

import math

import pytest

from seqnet.leaderboard import noise


@pytest.mark.parametrize(
    ("t", "freedom", "chance"),
    [
        (12.7062, 1, 0.05),
        (4.30265, 2, 0.05),
        (3.18245, 3, 0.05),
        (2.77645, 4, 0.05),
        (4.60409, 4, 0.01),
        (2.22814, 10, 0.05),
        (2.04523, 29, 0.05),
        (1.69726, 30, 0.1),
        (0, 7, 1),
    ],
)
def test_t_is_that_of_the_tables(t, freedom, chance):
    assert noise.of_t(t, freedom) == pytest.approx(chance, abs=2e-6)
    assert noise.of_t(-t, freedom) == pytest.approx(chance, abs=2e-6)


def test_the_same_seeds_are_compared_seed_by_seed():
    one = {"1": 0.90, "2": 0.80, "3": 0.70}
    other = {"1": 0.89, "2": 0.78, "3": 0.67}  # less by 0.01, 0.02 and 0.03: t = 0.02 / (0.01 / sqrt(3))
    assert noise.of_difference(one, other) == pytest.approx(noise.of_t(2 * math.sqrt(3), 2))
    assert noise.of_difference(one, {**other, "9": 0.1}) == pytest.approx(noise.of_t(2 * math.sqrt(3), 2))
    apart = {f"{seed}0": score for seed, score in other.items()}  # the same scores of other seeds say far less
    # Variances 0.01 and 0.0121, of three each: t = 0.02 / sqrt(0.0221 / 3), 3.96 degrees of freedom
    assert noise.of_difference(one, apart) == pytest.approx(noise.of_t(0.02 / math.sqrt(0.0221 / 3), 3))


def test_too_few_scores_say_nothing():
    assert noise.of_difference({"1": 0.5}, {"1": 0.4}) is None
    assert noise.of_difference({"1": 0.5, "2": 0.5}, {"3": 0.4}) is None
    for strange in (math.nan, math.inf, 1e300):
        assert noise.of_difference({"1": 0.5, "2": strange}, {"1": 0.4, "2": 0.3}) is None
    assert math.isnan(noise.mean([1, math.inf, -math.inf])) and math.isnan(noise.deviation([1, math.inf]))


def test_scores_that_never_differ():
    assert noise.of_difference({"1": 0.5, "2": 0.5}, {"1": 0.5, "2": 0.5}) == 1
    assert noise.of_difference({"1": 1.0, "2": 2.0}, {"1": 0.5, "2": 1.5}) == 0
    assert noise.of_difference({"1": 1.0, "2": 1.0}, {"3": 0.5, "4": 0.5}) == 0


def test_of_many_differences_some_are_large_by_chance():
    assert noise.corrected([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert noise.corrected([0.6, 0.9]) == [1, 1]
    assert noise.corrected([]) == []
