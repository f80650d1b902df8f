"""A drawn piano roll: the colour of a note at a step, by hand."""

import numpy as np
import pytest
from PIL import Image

from seqnet.batch import Roll
from seqnet.observers.roll_picture import ANSWERED, LARGEST, LEFT, READ, ROW, TOP, WRONG, draw


def at(picture: Image.Image, highest: int, note: int, step: int, side: int = 18) -> tuple[int, int, int]:
    """The point in the middle of a note. highest: of all notes; above it one row is empty."""
    return picture.getpixel((LEFT + step * side + side // 2, TOP + (highest + 1 - note) * ROW + ROW // 2))


def test_what_is_answered_stands_over_what_was_read():
    # read: 60, then 62, then 64; answered a step later: 62 (right), 65 (wrong), 67 (which nobody read).
    picture = draw(Roll([[60], [62], [64]], [[62], [65], [67]], begin=1))
    found = {(step, note): at(picture, 67, note, step) for step in range(4) for note in (60, 62, 64, 65, 67)}
    coloured = {key: colour for key, colour in found.items() if colour in (READ, ANSWERED, WRONG)}
    assert coloured == {
        (0, 60): READ,
        (1, 62): ANSWERED,
        (2, 64): READ,
        (2, 65): WRONG,
        (3, 67): ANSWERED,
    }


def test_a_chord_goes_on_from_what_was_given():
    picture = draw(Roll([[60, 64]], [[60, 64], []], begin=1))
    assert [at(picture, 64, note, step) for step in (0, 1) for note in (60, 64)] == [READ, READ, ANSWERED, ANSWERED]
    assert at(picture, 64, 60, 2) not in (READ, ANSWERED, WRONG)


@pytest.mark.parametrize("roll", [Roll([], [], 0), Roll([[]], [], 1), Roll([], [[0], [127]], 0)])
def test_the_smallest_and_the_widest_are_drawn(roll: Roll):
    assert np.array_equal(np.asarray(draw(roll)), np.asarray(draw(roll)))


def test_a_long_piece_is_cut_with_a_note():
    whole, longer = draw(Roll([[60]] * LARGEST, [], 1)), draw(Roll([[60]] * (LARGEST + 1000), [[60]] * 2000, 1))
    assert whole.size == longer.size
    assert (np.asarray(longer)[-20:] != np.asarray(whole)[-20:]).any()
