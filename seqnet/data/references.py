"""What stands beside a forecast: the last value, the same moment of the last season, and how far the latter was off."""

import torch
from torch import Tensor

from seqnet.data.examples import Ragged


def references(column: Ragged, season: int, horizon: int) -> Tensor:
    """At each step its value, the seasonal-naive forecast of the next `horizon`, and the seasonal error so far.

    The error is the mean absolute difference of values a season apart, up to this step: what a mean absolute scaled
    error is scaled by (Hyndman & Koehler 2006); NaN before there is one. Within a row's first season the last value is
    the forecast. column: [total feature]; returns [total (1 + horizon + 1)*feature].
    """
    values = column.flat.double()
    begin = column.offsets[:-1].repeat_interleave(column.lengths)
    here = torch.arange(len(values))
    steps = torch.arange(1, horizon + 1)
    places = here[:, None] + (steps - season * ((steps + season - 1) // season))
    places = torch.where(places >= begin[:, None], places, here[:, None])
    before = here - season
    there = (before >= begin)[:, None] & ~values.isnan()
    differences = (values - values[before.clamp(min=0)]).abs()
    known = there & ~differences.isnan()
    sums, counts = _so_far(differences.masked_fill(~known, 0.0), begin), _so_far(known.double(), begin)
    error = torch.where(counts > 0, sums / counts, torch.nan)
    return torch.cat([values, values[places].flatten(1), error], dim=1).float()


def lagged(column: Ragged, lags: int) -> Tensor:
    """At each step the last `lags` values, the oldest first, [total lags feature]; NaN before the row's beginning."""
    begin = column.offsets[:-1].repeat_interleave(column.lengths)
    places = torch.arange(len(column.flat))[:, None] - torch.arange(lags - 1, -1, -1)
    found = column.flat[places.clamp(min=0)]
    return found.masked_fill((places < begin[:, None])[..., None], torch.nan)


def _so_far(values: Tensor, begin: Tensor) -> Tensor:
    """Sums from each step's row's beginning to itself. values: [total feature]; begin: [total]."""
    sums = torch.cat([values.new_zeros(1, *values.shape[1:]), values.cumsum(0)])
    return sums[1:] - sums[begin]
