"""Attention drawn over the image: the colour of a point by hand."""

import numpy as np
import pytest
import torch

from seqnet.batch import AttentionMap
from seqnet.observers.attention_picture import draw
from seqnet.observers.places_picture import GAP, LARGEST, LINE, LOOKED, SIDE, grey_or_colours, looked_at

RED = tuple(LOOKED.tolist())


def test_a_place_is_mixed_with_red_by_the_square_root_of_its_weight():
    image = np.full((3, 4, 3), 100.0)
    found = looked_at(image, np.array([0.0, 0.25, 1.0, float("nan")]), (2, 2))
    assert (found[:2, :2] == 100).all() and (found[2:, 2:] == 100).all()
    assert np.allclose(found[:2, 2:], [0.6 * 100 + 0.4 * part for part in RED])
    assert np.allclose(found[2:, :2], [0.2 * 100 + 0.8 * part for part in RED])


def test_grey_values_and_colours():
    assert grey_or_colours(np.full((1, 1, 1), 0.5)).tolist() == [[[127.5] * 3]]
    assert grey_or_colours(np.array([[[0.0, 2.0, -1.0]]])).tolist() == [[[0.0, 255.0, 0.0]]]
    assert grey_or_colours(np.array([[[0.0, 0.5]]])).tolist() == [[[63.75] * 3]]  # of two channels their mean


def over(heads: int, words: int, side: int = 4) -> AttentionMap:
    """Each word looks at the first place of four, of a black image."""
    weights = torch.zeros(heads, words, 4)
    weights[..., 0] = 1
    image = torch.zeros(side, side, 1)
    return AttentionMap(weights, list("abcd"), ["w"] * words, None, image, (2, 2))


def test_the_image_stands_once_alone_and_once_for_each_word():
    picture = draw(over(1, 2))
    whole = tuple(round(0.8 * part) for part in RED)
    column = SIDE + GAP
    assert [picture.getpixel((GAP + place * column + 2, GAP + 2)) for place in (0, 1, 2)] == [(0, 0, 0), whole, whole]
    assert picture.getpixel((GAP + column + SIDE - 2, GAP + 2)) == (0, 0, 0)
    assert picture.height == SIDE + 2 * LINE + GAP
    faint = draw(over(1, 2)._replace(weights=over(1, 2).weights / 50))
    assert faint.getpixel((GAP + column + 2, GAP + 2)) == whole  # the largest there is, which is told
    assert np.any(np.asarray(faint)[-LINE:] != np.asarray(picture)[-LINE:])


def test_each_head_has_its_own_images_and_many_words_are_cut():
    one, two = draw(over(1, 2)), draw(over(2, 2))
    assert two.width == one.width and two.height - one.height == SIDE + 3 * LINE
    assert draw(over(1, LARGEST + 50)).height == draw(over(1, LARGEST)).height


@pytest.mark.parametrize("side", [1, 300])
def test_a_small_image_is_enlarged_and_a_large_one_made_smaller(side: int):
    drawn = draw(over(1, 1, side)._replace(regions=(1, 1), weights=torch.ones(1, 1, 1)))
    assert drawn.height == SIDE + 2 * LINE + GAP
