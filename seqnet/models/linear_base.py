"""A forecast that begins as a linear one: the output layer reads a series' last values beside the features.

As in LSTNet (Lai et al. 2018, equation 12), but begun with the ridge regression of the answers on these values, over
all that is asked in training, and with 0 for the features: the recurrence learns what the line leaves over.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from seqnet.batch import LAGS, Batch
from seqnet.errors import ConfigurationError
from seqnet.linear import is_plain

RIDGE = 1e-3  # of the mean square of the values


def begin_with_ridge(head: nn.Module, features: int, batches: Iterable[Batch]) -> None:
    """Set an output layer's weights. features: how many it reads before the last values.

    Raises ConfigurationError for a layer that has no linear map of its own: a `linear`, whose outputs `point` are the
    forecast itself.
    """
    layer = head if is_plain(head) else getattr(head, "linear", None)
    if not isinstance(layer, nn.Linear):
        raise ConfigurationError(
            f"data.lags begin as a linear forecast, and the output layer {type(head).__name__} of this objective has "
            "no `linear` to hold it: set data.lags=null"
        )
    point = getattr(head, "point", slice(None))
    weight, bias = ridge(batches)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[point, features:] = weight.to(layer.weight)
        layer.bias[point] = bias.to(layer.bias)


def ridge(batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """The weights [out lags] and the bias [out] of the answers that are asked, by the values before them."""
    moments: Tensor | None = None
    size = 0
    for batch in batches:
        mask = batch.target_mask()
        values, wanted = batch.views[LAGS][mask].double(), batch.targets[mask].double()
        size = values.shape[1]
        row = torch.cat([torch.ones_like(values[:, :1]), values, wanted], dim=1)
        moments = row.T @ row if moments is None else moments + row.T @ row
    assert moments is not None, "training asks something"
    count = moments[0, 0].clamp(min=1)
    mean, square = moments[0, 1:] / count, moments[1:, 1:] / count
    covariance = square - mean[:, None] * mean
    inner = covariance[:size, :size]
    inner = inner + RIDGE * square[:size, :size].diagonal().mean() * torch.eye(size, dtype=inner.dtype)
    weight = torch.linalg.lstsq(inner, covariance[:size, size:]).solution.T
    return weight, mean[size:] - weight @ mean[:size]
