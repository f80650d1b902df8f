"""Which evaluation is the best, and how many brought nothing since."""

import itertools
import json
import math
import random
from collections.abc import Iterable

import pytest

from seqnet.training.progress import Scored, Stopping

NAN = float("nan")


def observed(stopping: Stopping, evaluations: Iterable[tuple[float, float]]) -> list[tuple[bool, int]]:
    """For each evaluation, at steps 1, 2 and so on: whether it is the best, and what is waited then."""
    return [(stopping.observe(value, loss, step), stopping.waited) for step, (value, loss) in enumerate(evaluations, 1)]


def test_the_best_are_remembered_in_their_order() -> None:
    stopping = Stopping("loss", patience=3, keep=2)
    assert observed(stopping, [(x, x) for x in (3.0, 1.0, 2.0, NAN)]) == [(True, 0), (True, 0), (False, 1), (False, 2)]
    assert stopping.best_steps == [2, 3]
    assert not stopping.stop
    assert stopping.observe(1.0, 1.0, 5)  # of equal ones the later is the better, and no improvement
    assert stopping.best == [Scored(1.0, 1.0, 5), Scored(1.0, 1.0, 2)]
    assert stopping.stop


def test_of_equal_scores_the_lower_loss_is_the_better() -> None:
    stopping = Stopping("accuracy", keep=3)
    assert observed(stopping, [(1.0, 1.05), (0.9, 0.001), (1.0, 0.011), (1.0, 0.5)]) == [
        (True, 0),
        (False, 1),
        (True, 2),  # but no strictly better score, and not all were one and the same
        (False, 3),
    ]
    assert stopping.best_steps == [3, 4, 1]


def test_while_all_scores_are_one_and_the_same_the_loss_stands_in_for_them() -> None:
    stopping = Stopping("bleu", patience=2)
    found = observed(stopping, [(0.0, 4.0), (0.0, 3.0), (0.0, 3.5), (0.0, 2.0), (0.1, 9.0), (0.1, 1.0), (0.0, 0.5)])
    assert found == [(True, 0), (True, 0), (False, 1), (True, 0), (True, 0), (True, 1), (False, 2)]
    assert (stopping.best_steps, stopping.stop) == ([6], True)


def test_the_best_are_those_of_a_sort_of_all_evaluations() -> None:
    draw = random.Random(0)
    for monitor, sign in (("loss", 1), ("accuracy", -1)):
        for _ in range(50):
            evaluations = [(draw.choice((0.0, 0.5, 1.0)), draw.choice((0.1, 0.2))) for _ in range(7)]
            stopping = Stopping(monitor, keep=4)
            observed(stopping, evaluations)
            told = [(sign * value, loss, -step) for step, (value, loss) in enumerate(evaluations, 1)]
            assert stopping.best_steps == [-last for *_, last in sorted(told)[:4]]


@pytest.mark.parametrize("bad", [(NAN, 1.0), (0.9, NAN), (NAN, NAN)])
def test_what_is_not_a_number_is_never_the_best(bad: tuple[float, float]) -> None:
    for place in range(3):
        evaluations = [(0.5, 1.0), (0.5, 0.5)]
        evaluations.insert(place, bad)
        stopping = Stopping("accuracy", keep=3)
        found = observed(stopping, evaluations)
        assert not found[place][0] and found[place][1] > 0
        assert stopping.best == [Scored(*evaluations[step - 1], step) for step in stopping.best_steps]
        assert len(stopping.best) == 2 and stopping.waited == (place == 2)
    assert not stopping.prefers(Scored(*bad, 2), Scored(0.1, 2.0, 1))


def test_what_is_stored_goes_on_alike_from_every_place() -> None:
    evaluations = [(0.0, 3.0), (0.0, 2.0), (NAN, 1.0), (0.0, 2.5), (0.5, math.inf), (0.5, 1.0), (0.2, 0.1), (0.5, 1.0)]
    for monitor, place in itertools.product(("accuracy", "loss"), range(len(evaluations))):
        whole, again = Stopping(monitor, 4, keep=2), Stopping(monitor, 4, keep=2)
        expected = observed(whole, evaluations)
        first = Stopping(monitor, 4, keep=2)
        observed(first, evaluations[:place])
        again.restore(json.loads(json.dumps(first.state())))
        rest = [
            (again.observe(value, loss, step), again.waited)
            for step, (value, loss) in enumerate(evaluations[place:], place + 1)
        ]
        assert rest == expected[place:]
        assert again == whole
    fewer = Stopping("accuracy", 4, keep=1)
    fewer.restore(whole.state())
    assert len(fewer.best) == 1


def test_a_state_of_before_losses_were_kept_is_gone_on_with() -> None:
    stopping = Stopping("bleu", patience=3)
    stopping.restore({"best": [[12.7, 200]], "waited": 1})
    assert not stopping.observe(12.6, 0.1, 300)
    assert stopping.observe(12.7, 5.0, 400)
    assert stopping.best_steps == [400] and stopping.stop


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("best", [["x", 1]]),
        ("best", [[1.0, -1]]),
        ("best", [[1.0, 2**60]]),
        ("best", [[1.0]]),
        ("losses", []),
        ("losses", ["x"]),
        ("losses", [None]),
        ("waited", "x"),
        ("waited", True),
        ("waited", -1),
        ("differing", "x"),
        ("differing", NAN),
    ],
)
def test_a_state_of_something_else_is_refused(key: str, value: object) -> None:
    stopping = Stopping("loss")
    stopping.observe(1.0, 1.0, 3)
    with pytest.raises(ValueError):
        Stopping("loss").restore({**stopping.state(), key: value})
