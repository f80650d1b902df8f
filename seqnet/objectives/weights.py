"""How much the classes count in training: typed, or so that all count alike, however rare they are."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from seqnet.errors import ConfigurationError
from seqnet.options import Positive
from seqnet.specs import Tokens, Vector

Weights = Literal["balanced"] | Sequence[Positive] | None
RAREST = 1e-3  # a label that fewer items have is taken for as rare as this, and one that fewer lack too
UNCOUNTED = (
    "objective.weights=balanced goes by how often training has each class, which this data does not tell: give a list "
    "of numbers, one a class"
)


def of_classes(weights: Weights, targets: Tokens) -> Tensor | None:
    """A weight for each class, [classes]; None = all count alike. Raises ConfigurationError.

    balanced: n / (classes n_c) for a class that n_c of the n training items have (King and Zeng 2001).
    """
    if weights is None:
        return None
    if weights == "balanced":
        if not targets.counts:
            raise ConfigurationError(UNCOUNTED)
        counts = torch.tensor(targets.counts, dtype=torch.float64)
        return (counts.sum() / (len(counts) * counts)).float()
    return _listed(weights, targets.names)


def of_labels(weights: Weights, targets: Vector) -> Tensor | None:
    """How much more each label counts where it is there than where it is not, [labels]. Raises ConfigurationError.

    balanced: (1 - s) / s for a label that the share s of training items has, so that both count alike.
    """
    if weights is None:
        return None
    if weights == "balanced":
        if not targets.shares:
            raise ConfigurationError(UNCOUNTED)
        shares = torch.tensor(targets.shares, dtype=torch.float64).clamp(RAREST, 1 - RAREST)
        return ((1 - shares) / shares).float()
    return _listed(weights, targets.names or tuple(map(str, range(targets.size))))


def _listed(weights: str | Sequence[float], names: Sequence[str]) -> Tensor:
    if len(weights) != len(names):
        some = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        raise ConfigurationError(
            f"objective.weights has {len(weights)} numbers, and there are {len(names)} classes ({some}): give one for "
            "each, in this order"
        )
    return torch.tensor([float(weight) for weight in weights])
