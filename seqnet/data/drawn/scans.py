"""Handwritten digits of scikit-learn as vectors of their 64 grey values."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from seqnet.data.drawn.drawn import Drawn
from seqnet.data.scans import Scans
from seqnet.options import SomeShare


class DigitVectors(Drawn):
    """A scan a row; columns `pixels`, 64 numbers from 0 (paper) to 1 (ink), and `digit`. Split: see Scans.

    Raises ConfigurationError.
    """

    columns: ClassVar = ("pixels", "digit")

    def __init__(self, seed: int, train_share: SomeShare = 0.7, valid_share: SomeShare = 0.15) -> None:
        super().__init__(seed)
        self.scans = Scans(seed, train_share, valid_share)

    def draw(self, split: str) -> Mapping[str, Sequence[Any]]:
        """The columns of `train`, `valid` or `test`, a value a row."""
        scans, digits = self.scans.split(split)
        return {"pixels": scans.flatten(1).tolist(), "digit": digits.tolist()}
