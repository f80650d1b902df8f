"""Drawn clips, canvases and questions about scans."""

import importlib.util

import numpy as np
import pytest

from seqnet.data.files import BadRows
from seqnet.data.generated.digit_questions import DigitQuestions, asked
from seqnet.data.generated.digit_rows import DigitRows
from seqnet.data.generated.moving_digits import WAYS, MovingDigits
from seqnet.data.scans import Scans
from seqnet.errors import ConfigurationError

needs_scans = pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason="scikit-learn is not installed")
pytestmark = needs_scans
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def rows_of(made, split, columns):
    return [
        row
        for block in made.rows(made.files[split], columns, BadRows("raise"))
        for row in zip(*block.columns, strict=True)
    ]


@pytest.mark.parametrize("kind", [MovingDigits, DigitRows, DigitQuestions])
def test_rows_are_a_function_of_seed_and_split_alone(kind):
    sizes = {"train_size": 5, "valid_size": 5, "test_size": 5}
    told = [repr(rows_of(kind(seed, **sizes), split, kind.names)) for seed, split in ((1, "train"), (1, "train"))]
    others = [repr(rows_of(kind(seed, **sizes), split, kind.names)) for seed, split in ((2, "train"), (1, "test"))]
    assert told[0] == told[1] and told[0] not in others


def test_no_fewer_digits_than_the_fewest():
    with pytest.raises(ConfigurationError, match=r"data\.generated\.most must be at least 3, not 2"):
        DigitRows(1, fewest=3)


def test_a_clip_without_noise_is_its_first_frame_moved_the_way_it_says():
    for clip, way in MovingDigits(1, noise=0.0).draw("train", 20, np.random.default_rng(0)):
        assert clip.shape == (8, 16, 16)
        for step in range(8):
            moved = np.roll(clip[0], tuple(step * by for by in WAYS[way]), (0, 1))
            np.testing.assert_array_equal(clip[step], moved)


def test_a_canvas_holds_the_digits_that_are_named_from_left_to_right():
    scans, digits = (tensor.numpy() for tensor in Scans(1, 0.7, 0.15).split("test"))
    known = {scan.tobytes(): NUMBERS[digit] for scan, digit in zip(scans, digits, strict=True)}
    for canvas, caption in DigitRows(1, most=3).draw("test", 20, np.random.default_rng(0)):
        assert canvas.shape == (14, 30)
        found = []
        for left in range(23):
            windows = (np.ascontiguousarray(canvas[top : top + 8, left : left + 8]).tobytes() for top in range(7))
            found += [known[window] for window in windows if window in known]
        assert " ".join(found) == caption


def test_answers_are_right():
    random = np.random.default_rng(0)
    right = {
        "which digit is it": lambda digit, _: NUMBERS[digit],
        "is it odd": lambda digit, _: digit % 2 == 1,
        "is it even": lambda digit, _: digit % 2 == 0,
        "is it larger than": lambda digit, other: digit > other,
        "is it smaller than": lambda digit, other: digit < other,
        "is it a": lambda digit, other: digit == other,
    }
    seen = set()
    for _ in range(300):
        digit = int(random.integers(10))
        question, answer = asked(digit, random)
        *words, last = question.split()
        kind, other = (" ".join(words), NUMBERS.index(last)) if last in NUMBERS else (question, None)
        wanted = right[kind](digit, other)
        assert answer == (wanted if isinstance(wanted, str) else "yes" if wanted else "no"), question
        seen.add(kind)
    assert seen == set(right)
