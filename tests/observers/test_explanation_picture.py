"""What speaks for an answer is green, what speaks against it red, of words, of numbers and of places."""

import numpy as np
import torch
from PIL import Image

from seqnet.batch import Explanation, Strip
from seqnet.observers.explanation_picture import AGAINST, FOR, MOST_WORDS, SHARE, draw
from seqnet.observers.memory_plot import draw as draw_memory


def colours(picture: Image.Image) -> dict[tuple[int, ...], int]:
    """How often each colour is there."""
    return {colour: count for count, colour in picture.convert("RGB").getcolors(1 << 24)}


def drawn(*strips: Strip) -> dict[tuple[int, ...], int]:
    return colours(draw(Explanation("good", "2.5, where nothing is read 1", strips)))


def test_words_stand_on_grounds_of_their_colours() -> None:
    for score, colour, other in ((1.0, FOR, AGAINST), (-1.0, AGAINST, FOR)):
        found = drawn(Strip("text", ["word", "of"], torch.tensor([score, 0.0])))
        assert found[colour] > 200 and other not in found
    assert SHARE in drawn(Strip("looked at", ["a", "b"], torch.tensor([0.9, 0.1]), signed=False))


def test_numbers_are_bars_and_places_a_map() -> None:
    scores, values = torch.tensor([0.0, 1.0, -1.0]), torch.randn(3, 2)
    found = drawn(Strip("series", None, scores, values))
    assert found[FOR] > 1000 and found[AGAINST] > 1000 and abs(found[FOR] - found[AGAINST]) < 600
    grid = torch.zeros(4, 5)
    grid[1, 2], grid[3, 4] = 1.0, -1.0
    found = drawn(Strip("image", None, grid.sum(1), torch.zeros(4, 5), grid))
    assert found[FOR] == found[AGAINST] == 64 * 64


def test_nothing_much_and_all_at_once() -> None:
    strips = [
        Strip("empty", [], torch.zeros(0)),
        Strip("none", None, torch.zeros(0), torch.zeros(0, 2)),
        Strip("zeros", ["a"], torch.zeros(1)),
        Strip("many", ["word"] * (MOST_WORDS + 5), torch.linspace(-1, 1, MOST_WORDS + 5)),
        Strip("wide", None, torch.randn(5000), torch.full((5000, 1), float("nan"))),
    ]
    explanation = Explanation("\x1b[2J and a name that is very long indeed", "step 1: 0", strips)
    one, other = draw(explanation), draw(explanation)
    assert np.array_equal(np.asarray(one), np.asarray(other))


class Point:
    def __init__(self, steps: int, mean: float) -> None:
        self.steps, self.mean, self.low, self.high = steps, mean, mean - 0.1, mean + 0.1


class Memory:
    full = 0.5
    points = [Point(0, 2.0), Point(1, 1.0), Point(2, 0.6), Point(4, 0.5)]

    def __init__(self, steps: int | None, low: int | None, high: int | None) -> None:
        self.steps, self.low, self.high = steps, low, high


def test_a_memory_is_plotted_where_it_is() -> None:
    red = (215, 48, 39)
    assert colours(draw_memory(Memory(2, 1, None), "loss", "context")).get(red, 0) > 100
    assert red not in colours(draw_memory(Memory(None, None, None), "loss", "context"))
