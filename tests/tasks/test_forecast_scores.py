"""Scores of a forecast beside those that need no model, by hand."""

import pytest
import torch

from seqnet.objectives.bands import MEDIAN
from seqnet.specs import Scale, Vector
from seqnet.tasks.forecast_scores import ForecastScores

NAN = float("nan")
# the last value, the seasonal-naive forecast of two steps, the error of the season so far
REFERENCES = torch.tensor([[1.0, 2.0, 3.0, 0.5], [4.0, 4.0, 4.0, NAN]])
WANTED = torch.tensor([[2.0, 4.0], [4.0, 5.0]])


def scores(found: torch.Tensor, scale: Scale | None = None) -> dict[str, float]:
    judged = ForecastScores(Vector(2, scale=scale))
    judged.update({MEDIAN: found}, WANTED, REFERENCES)
    return {name: metric.compute().item() for name, metric in judged.metrics.items()}


def test_by_hand() -> None:
    """Of the second row nothing is known of the season, so it counts for wql alone."""
    found = scores(torch.tensor([[2.5, 4.0], [4.0, 4.0]]))
    assert found["mase"] == pytest.approx((0.5 + 0) / 2 / 0.5)
    assert found["mase_last_value"] == pytest.approx((1 + 3) / 2 / 0.5)
    assert found["mase_seasonal_naive"] == pytest.approx((0 + 1) / 2 / 0.5)
    assert found["wql"] == pytest.approx((0.5 + 0 + 0 + 1) / 15)
    assert found["wql_last_value"] == pytest.approx((1 + 3 + 0 + 1) / 15)
    assert found["wql_seasonal_naive"] == pytest.approx((0 + 1 + 0 + 1) / 15)


def test_the_unit_of_the_file_changes_no_mase() -> None:
    found = torch.tensor([[2.5, 4.0], [4.0, 4.0]])
    plain, scaled = scores(found), scores(found, Scale((100.0, 100.0), (7.0, 7.0)))
    assert scaled["mase"] == pytest.approx(plain["mase"])
    assert scaled["wql"] == pytest.approx(7 * 1.5 / (7 * 15 + 400))
