"""The least precision that a loss is computed in."""

from torch import Tensor


def at_least_single(x: Tensor) -> Tensor:
    """In single precision what is in half of it, as under autocast: sums over classes and steps need the digits."""
    return x.float() if x.itemsize < 4 else x
