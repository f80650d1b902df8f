"""How far back something is remembered is found where it is known, with an interval that holds it."""

import numpy as np
import pytest

from seqnet.insight.memory import by_context, by_lag

N = 400
BLOCKS = np.arange(N) // 10
NOISE = np.random.default_rng(0).normal(size=N) * 0.1


def known(needed, most=64, tolerance=0.05, worth=1.0, least=0):
    asked = []

    def losses(steps):
        asked.append(steps)
        return NOISE + worth * (1 - min(1, steps / needed) if needed else 0)

    return by_context(losses, NOISE, BLOCKS, least, most, tolerance), asked


@pytest.mark.parametrize("needed", [1, 2, 5, 16, 33, 64])
def test_the_fewest_steps_that_are_enough_are_found_one_by_one(needed):
    found, asked = known(needed, tolerance=1e-6)
    assert (found.steps, found.low, found.high) == (needed, needed, needed)
    assert len(asked) == len(set(asked)) < 16  # no number of steps is tried twice, and few are
    assert [point.steps for point in found.points] == sorted(asked)
    assert all(point.low < point.mean < point.high for point in found.points)
    assert found.full == pytest.approx(NOISE.mean())


def test_a_tolerance_is_a_share_of_what_context_is_worth():
    assert known(100, most=128, tolerance=0.25)[0].steps == 75
    assert known(100, most=128, tolerance=0.25, worth=1e-3)[0].steps == 75
    assert known(1, least=1)[0].steps == 1


def test_more_than_was_tried_and_nothing_at_all():
    assert known(1000)[0].steps is None and known(1000)[0].low is None
    found = known(0)[0]
    assert (found.steps, found.low, found.high) == (0, 0, 0)


def test_a_step_that_is_enough_by_chance_does_not_count():
    means = {0: 1.0, 1: 0.0, 2: 0.5, 3: 0.4, 4: 0.0, 8: 0.0}
    found = by_context(lambda steps: NOISE + means[steps], NOISE, BLOCKS, 0, 8, 0.05)
    assert found.steps == 4


def test_an_interval_is_as_wide_as_the_positions_differ():
    drawn = np.random.default_rng(1)

    rows = np.abs(drawn.normal(size=N)) * 20  # each needs more steps than the last
    found = by_context(lambda steps: np.exp(-steps / rows), np.zeros(N), np.arange(N), 0, 256, 0.05)
    assert found.low < found.steps < found.high
    few = by_context(lambda s: np.exp(-s / rows[:20]), np.zeros(20), np.arange(20), 0, 256, 0.05)
    assert few.high - few.low > found.high - found.low


def test_a_lag_is_bridged_where_all_shorter_ones_are():
    rows = np.random.default_rng(2).random(200)
    right = {lag: (rows < share).astype(float) for lag, share in ((2, 1.0), (4, 0.97), (8, 0.5), (16, 0.99))}
    found = by_lag(right, 0.9)
    assert (found.steps, found.low, found.high) == (4, 4, 4) and found.full is None
    assert by_lag({2: rows * 0}, 0.9).steps == 0
    unsure = by_lag({2: (rows < 1).astype(float), 4: (rows < 0.9).astype(float)}, 0.9)
    assert unsure.low == 2 and unsure.high is None
    assert by_lag({2: rows < 2, 4: rows < 2}, 0.9).steps is None
