"""Handwritten digits of scikit-learn as vectors of their 64 grey values."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from seqnet.data.formats.generated import Generated
from seqnet.data.scans import Scans
from seqnet.options import SomeShare


class DigitVectors(Generated):
    """A scan a row; columns `pixels`, 64 numbers from 0 (paper) to 1 (ink), and `digit`. Split: see Scans.

    Raises ConfigurationError.
    """

    names: ClassVar = ("pixels", "digit")

    def __init__(self, seed: int, train_share: SomeShare = 0.7, valid_share: SomeShare = 0.15) -> None:
        super().__init__(seed)
        self.scans = Scans(seed, train_share, valid_share)

    def rows_of(self, split: str) -> Iterable[Sequence[Any]]:
        """The scans of `train`, `valid` or `test`, and their digits."""
        scans, digits = self.scans.split(split)
        return zip(scans.flatten(1).tolist(), digits.tolist(), strict=True)
