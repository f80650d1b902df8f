"""A picture of a forecast."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from seqnet.batch import Forecast
from seqnet.observers.forecast_picture import BAND, CAME, MEDIAN, PAST, draw
from seqnet.observers.pictures import save

NAN = float("nan")
LEVELS = {0.1: torch.tensor([1.0, 0.0, NAN]), 0.5: torch.tensor([3.0, 4.0, 5.0]), 0.9: torch.tensor([6.0, 9.0, NAN])}


def has(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    """Or one that is hardly another: lines are smoothed."""
    return bool((np.abs(np.asarray(picture).astype(int) - colour).max(-1) < 30).any())


def test_each_part_has_its_colour_and_what_is_not_known_none() -> None:
    whole = Forecast(torch.tensor([1.0, 2.0, 4.0, 3.0]), LEVELS, torch.tensor([3.0, 5.0, 4.0]), "sold")
    assert all(has(draw(whole), colour) for colour in (PAST, CAME, MEDIAN, BAND))
    alone = whole._replace(levels={0.5: LEVELS[0.5]}, wanted=None)
    picture = draw(alone)
    assert has(picture, PAST) and has(picture, MEDIAN)
    assert not has(picture, CAME)


def test_the_same_forecast_gives_the_same_picture_whatever_it_holds(tmp_path: Path) -> None:
    for history, levels in (
        (torch.zeros(0), LEVELS),
        (torch.full((3,), 7.0), {0.5: torch.tensor([7.0])}),
        (torch.tensor([NAN, NAN]), {0.5: torch.tensor([NAN])}),
        (torch.tensor([1e30, -1e30]), LEVELS),
    ):
        one = Forecast(history, levels, None, "a name that is much longer than the picture is wide " * 5)
        assert np.array_equal(np.asarray(draw(one)), np.asarray(draw(one)))
        save(tmp_path / "drawn.png", [one])
        with Image.open(tmp_path / "drawn.png") as found:
            assert found.size == draw(one).size
