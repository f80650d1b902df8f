"""One vector a row out of the vectors of its steps."""

import torch
from torch import Tensor

from seqnet.layers.unroll import padding


def mean(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean over the steps of x [batch time feature], [batch feature]; 0 of a row without steps.

    lengths: [batch], None = every row is whole.
    """
    if lengths is None:
        return x.mean(1)
    kept = x.masked_fill(padding(lengths, x.shape[1])[..., None], 0)
    found: Tensor = kept.sum(1) / lengths.clamp(min=1)[:, None]
    return found


def maximum(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The maximum over the steps of x [batch time feature], [batch feature]; 0 of a row without steps.

    lengths: as for `mean`.
    """
    if lengths is None:
        return x.amax(1)
    found = x.masked_fill(padding(lengths, x.shape[1])[..., None], -torch.inf).amax(1)
    return torch.where(lengths[:, None] > 0, found, 0)
