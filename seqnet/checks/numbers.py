"""The precision that numbers are made in."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def numbers_of(kind: torch.dtype) -> Iterator[None]:
    """New numbers are of that type inside; what they were before is put back after."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
