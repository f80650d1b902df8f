"""Pieces of a recording that training does not hear."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Masks:
    """A run of 0 to `bands` features, and one of up to a share `time` of a row's steps, each at its mean in the row.

    They are those of Park et al. (2019), sections 2.2 and 2.3, one of each; their warping of time is left out.
    """

    bands: int
    time: float

    def __call__(self, values: Tensor, lengths: Tensor, random: torch.Generator) -> Tensor:
        """values: [batch time feature], lengths: [batch]; returns the same shape, padding as it was."""
        wide, low, long, early = torch.rand(4, len(values), 1, generator=random)
        inside = torch.arange(values.shape[1]) < lengths[:, None]
        mean = (values * inside[..., None]).sum(1) / lengths.clamp(min=1)[:, None]
        widths = (wide * (self.bands + 1)).floor().clamp(max=values.shape[2])
        bands = _run(widths, low, torch.full_like(widths, values.shape[2]), values.shape[2])
        longest = lengths[:, None].float()
        steps = _run((long * (self.time * longest + 1)).floor(), early, longest, values.shape[1])
        masked = (bands[:, None, :] | steps[..., None]) & inside[..., None]
        return torch.where(masked, mean[:, None], values)


def _run(widths: Tensor, place: Tensor, total: Tensor, size: int) -> Tensor:
    """True in a run of each row, [batch size]. widths, place (0 to 1), total: [batch 1]."""
    widths = widths.minimum(total)
    begin = (place * (total - widths + 1)).floor()
    places = torch.arange(size)
    return (places >= begin) & (places < begin + widths)
