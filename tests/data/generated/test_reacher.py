"""The simulated arm, by what physics and the task ask of it."""

import numpy as np
import pytest

from seqnet.data.files import BadRows
from seqnet.data.generated.reacher import ACTION, SHOWN, STATE, Arm, Reacher, beginning, driven, scripted


def test_hands_are_where_the_links_end() -> None:
    angles = np.array([[0.0, 0.0], [np.pi / 2, -np.pi / 2], [0.0, np.pi]])
    arm = Arm(angles, np.zeros((3, 2)), np.zeros((3, 2)))
    np.testing.assert_allclose(arm.hands(), [[1.8, 0.0], [0.8, 1.0], [0.2, 0.0]], atol=1e-12)


def test_the_policy_reaches_the_point_and_rest_does_not() -> None:
    random = np.random.default_rng(0)
    arm = beginning(100, random)
    for _ in range(60):
        arm = arm.moved(scripted(arm))
    assert arm.distances().max() < 0.02
    still = driven(beginning(100, random), 40, 0.0, random, lambda arm, step: np.zeros_like(arm.angles))
    assert still.mean() < -30


def test_the_point_is_seen_at_the_beginning_only() -> None:
    made = Reacher(1, length=5, train_size=3, valid_size=1, test_size=1)
    (rows,) = made.rows(made.files["train"], ["episode", "step", list(STATE), list(ACTION)], BadRows("raise"))
    episodes, steps, states, actions = rows.columns
    assert list(episodes) == [f"train{episode}" for episode in (1, 2, 3) for _ in range(5)] and made.count(
        made.files["train"]
    ) == len(rows)
    points = np.array(states)[:, 6:]
    shown = np.array(steps) < SHOWN
    assert (points[shown] != 0).all() and (points[~shown] == 0).all()
    assert np.abs(actions).max() <= 1


def test_episodes_of_a_split_are_in_no_other_and_the_same_each_time() -> None:
    made = [Reacher(seed, length=4, train_size=2, valid_size=2, test_size=2) for seed in (1, 1, 2)]

    def read(one: Reacher, split: str) -> np.ndarray:
        (rows,) = one.rows(one.files[split], [list(STATE)], BadRows("raise"))
        return np.array(rows.columns[0])

    assert np.array_equal(read(made[0], "train"), read(made[1], "train"))
    assert not np.isclose(read(made[0], "train"), read(made[0], "test")).all(axis=1).any()
    assert not np.isclose(read(made[0], "train"), read(made[2], "train")).all(axis=1).any()


def test_noise_costs() -> None:
    def mean(noise: float) -> float:
        random = np.random.default_rng(3)
        return driven(beginning(200, random), 40, noise, random, lambda arm, step: scripted(arm)).mean()

    assert mean(0.0) > mean(0.2) > mean(0.5)
    assert mean(0.0) == pytest.approx(-4.4, abs=0.5)
