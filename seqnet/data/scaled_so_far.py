"""Series scaled at each step by what was read up to it: for a series with a trend, or series of unlike sizes."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from seqnet.batch import UNITS as UNITS
from seqnet.data.examples import Ragged

LEAST = 4  # steps that a deviation is made of, before which nothing is asked
FARTHEST = 10.0  # deviations that what is read may be away: the first steps have hardly any


class SoFar(NamedTuple):
    """What each step of a column is scaled by, [total feature] each."""

    centre: Tensor
    deviation: Tensor
    enough: Tensor  # [total] bool: whether so many steps were read that it can be relied on

    @classmethod
    def of(cls, column: Ragged, season: int | None) -> "SoFar":
        """centre: the mean of the last `season` steps (None: of all so far); deviation: that of all so far.

        column: [total feature]; NaN counts as the mean of the steps so far. Sums are in double precision.
        """
        values = column.flat.double().nan_to_num(0.0)
        begin = column.offsets[:-1].repeat_interleave(column.lengths)
        at = torch.arange(len(values)) - begin
        count = (at + 1)[:, None]
        sums, squares = _before(values), _before(values.square())
        here = torch.arange(len(values)) + 1
        total, spread = sums[here] - sums[begin], squares[here] - squares[begin]
        mean = total / count
        deviation = (spread / count - mean.square()).clamp(min=0).sqrt()
        deviation = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))  # of what never changed: 1
        if season is not None:
            first = torch.maximum(begin, here - season)
            mean = (sums[here] - sums[first]) / (here - first)[:, None]
        enough = at + 1 >= max(season or 0, LEAST)
        return cls(mean.float(), deviation.float(), enough)

    def read(self, values: Tensor) -> Tensor:
        """The steps themselves, scaled. values: [total feature]."""
        return ((values - self.centre) / self.deviation).clamp(-FARTHEST, FARTHEST)

    def asked(self, ahead: Tensor) -> Tensor:
        """What is asked at each step, scaled by it; NaN where too little was read. ahead: [total horizon feature]."""
        scaled = (ahead - self.centre[:, None]) / self.deviation[:, None]
        return scaled.masked_fill(~self.enough[:, None, None], float("nan"))

    def lagged(self, values: Tensor) -> Tensor:
        """Earlier values scaled as the step itself is, 0 where there is none. values: [total lags feature]."""
        scaled = (values - self.centre[:, None]) / self.deviation[:, None]
        return scaled.clamp(-FARTHEST, FARTHEST).nan_to_num(0.0)

    def units(self) -> Tensor:
        """Both side by side, [total 2*feature], as `in_the_columns_scale` takes them."""
        return torch.cat([self.centre, self.deviation], dim=1)


def scaled_so_far(columns: Mapping[str, Ragged], seasons: Mapping[str, int | None]) -> dict[str, Ragged]:
    """The columns, those in `seasons` (by name) as they are read at each step."""
    read = dict(columns)
    for name, season in seasons.items():
        if name in read:
            read[name] = Ragged(SoFar.of(read[name], season).read(read[name].flat), read[name].offsets)
    return read


def _before(values: Tensor) -> Tensor:
    """Sums of what stands before each place, and of all: [total + 1 feature]."""
    return torch.cat([values.new_zeros(1, *values.shape[1:]), values.cumsum(0)])
