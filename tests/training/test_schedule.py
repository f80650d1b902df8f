import math

import pytest

from seqnet.training.schedule import Constant, Cosine, Linear, Plateau, Step


def test_cosine_by_hand() -> None:
    cosine = Cosine(final=0.1)
    assert cosine.factor(0, 0.0) == 1.0
    assert cosine.factor(50, 0.5) == pytest.approx(0.55)
    assert cosine.factor(100, 1.0) == pytest.approx(0.1)
    assert cosine.factor(25, 0.25) == pytest.approx(0.1 + 0.45 * (1 + math.cos(math.pi / 4)))


def test_linear_by_hand() -> None:
    assert [Linear(final=0.2).factor(0, done) for done in (0, 0.5, 1)] == pytest.approx([1, 0.6, 0.2])


def test_warm_up_rises_in_equal_steps_and_multiplies() -> None:
    assert [Constant(warmup_steps=3).factor(step, 0) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]
    assert Linear(warmup_steps=1).factor(0, 0.5) == 0.25


def test_steps_drop_at_their_milestones() -> None:
    schedule = Step(milestones=[0.5, 0.75], factor=0.1)
    assert [schedule.factor(0, done) for done in (0.49, 0.5, 0.8)] == pytest.approx([1, 0.1, 0.01])


def test_plateau_drops_after_too_many_evaluations_and_resumes() -> None:
    schedule = Plateau(factor=0.5, patience=1)
    factors = []
    for improved in (True, False, False, False, True, False):
        schedule.observe(improved)
        factors.append(schedule.factor(0, 0))
    assert factors == [1, 1, 0.5, 0.5, 0.5, 0.5]
    again = Plateau(factor=0.5, patience=1)
    again.restore(schedule.state())
    again.observe(False)
    assert again.factor(0, 0) == 0.25
