"""How far apart two things are that should be the same."""

from collections.abc import Iterable

import torch
from torch import Tensor

from seqnet.state import State, leaves


def difference(found: Tensor | None, wanted: Tensor | None) -> float:
    """The largest |found - wanted| / (1 + |wanted|); infinite where only one is there or finite, or shapes differ."""
    if found is None or wanted is None:
        return 0.0 if found is wanted else float("inf")
    if found.shape != wanted.shape:
        return float("inf")
    if not found.numel():
        return 0.0
    one, other = found.detach().double(), wanted.detach().double()
    if not torch.equal(one.isfinite(), other.isfinite()):
        return float("inf")
    apart = (one - other).abs() / (1 + other.abs())
    apart = torch.where(other.isfinite() | (one != other), apart, 0)  # two infinities of one sign are the same
    apart = torch.where(one.isnan() & other.isnan(), 0, apart)
    return float(apart.max())


def largest(found: Iterable[Tensor | None], wanted: Iterable[Tensor | None]) -> float:
    """The largest `difference` of pairs; infinite where there are not as many of both."""
    one, other = list(found), list(wanted)
    if len(one) != len(other):
        return float("inf")
    return max((difference(*pair) for pair in zip(one, other, strict=True)), default=0.0)


def of_states(found: State, wanted: State) -> float:
    """The largest difference between the tensors of two states."""
    return largest(leaves(found), leaves(wanted))
