"""A picture of a forecast."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from seqnet.batch import Forecast
from seqnet.errors import ConfigurationError
from seqnet.observers.forecast_picture import BAND, CAME, MEDIAN, PAST, draw
from seqnet.observers.pictures import save

NAN = float("nan")
LEVELS = {0.1: torch.tensor([1.0, 0.0, NAN]), 0.5: torch.tensor([3.0, 4.0, 5.0]), 0.9: torch.tensor([6.0, 9.0, NAN])}


pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def has(picture: Image.Image, colour: str) -> bool:
    """Or one that is hardly another: lines are smoothed."""
    return bool((np.abs(np.asarray(picture).astype(int) - ImageColor.getrgb(colour)).max(-1) < 30).any())


def test_each_part_has_its_colour_and_what_is_not_known_none() -> None:
    whole = Forecast(torch.tensor([1.0, 2.0, 4.0, 3.0]), LEVELS, torch.tensor([3.0, 5.0, 4.0]), "sold")
    assert all(has(draw(whole), colour) for colour in (PAST, CAME, MEDIAN, BAND))
    alone = whole._replace(levels={0.5: LEVELS[0.5]}, wanted=None)
    picture = draw(alone)
    assert has(picture, PAST) and has(picture, MEDIAN)
    assert not has(picture, CAME)


def test_a_plot_draws_no_random_number_and_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Forecast(torch.arange(3.0), {0.5: torch.tensor([7.0])}, None, "$a_b")
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    draw(one)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), str(np.random.get_state()))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seqnet\[plots\]'"):
        draw(one)


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
