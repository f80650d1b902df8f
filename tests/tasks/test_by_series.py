"""Forecasts judged series by series, by hand."""

import pytest
import torch

from seqnet.objectives.bands import MEDIAN
from seqnet.specs import Scale, Vector
from seqnet.tasks.by_series import BySeries
from seqnet.tasks.forecast_scores import ForecastScores

NAN = float("nan")
# the last value, the seasonal-naive forecast of two steps, the error of the season so far
REFERENCES = torch.tensor([[1.0, 2.0, 3.0, 0.5], [4.0, 4.0, 4.0, NAN], [1.0, 2.0, 3.0, 0.5]])
WANTED = torch.tensor([[2.0, 4.0], [4.0, 5.0], [3.0, 3.0]])
FOUND = torch.tensor([[2.5, 4.0], [4.0, 4.0], [3.0, 5.0]])


def test_by_hand_the_worst_first_and_one_without_a_scale_last() -> None:
    judged = BySeries(Vector(2))
    judged.items({MEDIAN: FOUND[:2]}, WANTED[:2], REFERENCES[:2], ["north", "flat"])
    judged.items({MEDIAN: FOUND[2:]}, WANTED[2:], REFERENCES[2:], ["south"])
    south, north, flat = judged.rows()
    assert (north["series"], north["n"]) == ("north", 1)
    assert north["mase"] == pytest.approx((0.5 + 0) / 2 / 0.5)
    assert north["mase_seasonal_naive"] == pytest.approx((0 + 1) / 2 / 0.5)
    assert north["wql"] == pytest.approx(0.5 / 6)
    assert (south["series"], south["mase"]) == ("south", pytest.approx(2 / 2 / 0.5))
    assert (flat["series"], flat["mase"], flat["wql"]) == ("flat", None, pytest.approx(1 / 9))


def test_together_they_are_what_is_told_of_all() -> None:
    torch.manual_seed(1)
    targets = Vector(2, scale=Scale((3.0, 3.0), (7.0, 7.0)))
    wanted, references = torch.randn(20, 2), torch.cat([torch.randn(20, 3), torch.rand(20, 1) + 0.1], dim=1)
    levels = {0.1: torch.randn(20, 2), MEDIAN: torch.randn(20, 2)}
    whole, parts = ForecastScores(targets), BySeries(targets)
    whole.update(levels, wanted, references)
    parts.items(levels, wanted, references, [str(row % 3) for row in range(20)])
    rows = list(parts.rows())
    assert sum(row["n"] for row in rows) == 20
    for name in ("mase", "mase_seasonal_naive"):
        told = sum(row[name] * row["n"] for row in rows) / 20
        assert told == pytest.approx(whole.metrics[name].compute().item())


def test_one_series_alone_has_no_table() -> None:
    judged = BySeries(Vector(2))
    judged.items({MEDIAN: FOUND}, WANTED, REFERENCES, ["north"] * 3)
    assert list(judged.rows()) == []
