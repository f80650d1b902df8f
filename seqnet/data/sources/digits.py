"""Handwritten digits, read step by step: scikit-learn's 1,797 scans of 8 x 8 grey values."""

from collections.abc import Iterable
from typing import Any, Literal

from torch import Tensor

from seqnet.data.examples import Examples
from seqnet.data.generation import equal_rows, exported_numbers, exported_steps
from seqnet.data.numbers import rows_without_targets
from seqnet.data.scans import DARKEST, SIDE, Scanned, read_scans, show_scan
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import SomeShare
from seqnet.specs import Tokens, Vector

WIDTHS = {"row": SIDE, "pixel": 1}  # numbers a step


class Digits(Scanned):
    """Which digit is it, read row by row (8 steps of 8 numbers) or pixel by pixel (64 steps of 1)?

    Grey values and split: see Scans.
    """

    input_kinds = {"inputs": Kind(Item.NUMBER, Axis.STEP)}
    target_kind = Kind(Item.LABEL, Axis.ROW)
    targets = Tokens(tuple("0123456789"))

    def __init__(
        self,
        seed: int,
        by: Literal["row", "pixel"] = "row",
        train_share: SomeShare = 0.7,
        valid_share: SomeShare = 0.15,
    ) -> None:
        if by not in WIDTHS:
            raise ConfigurationError(f"data.by must be row or pixel, not '{by}'{did_you_mean(by, WIDTHS)}")
        super().__init__(seed, train_share, valid_share)
        self.width = WIDTHS[by]
        self.inputs = Vector(self.width)

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`. Raises ConfigurationError where scikit-learn is not installed."""
        scans, digits = self.scans.split(name)
        return Examples(equal_rows(scans.reshape(len(scans), -1, self.width)), digits)

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a scan of grey values from 0 to 16: 8 lists of 8 by row, 64 numbers by pixel. Raises DataError."""
        return rows_without_targets(read_scans(lines, where, first, self.width))

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_steps(exported_numbers(self.width, over=DARKEST), self.target_kind)

    def show(self, inputs: Tensor) -> str:
        """The scan drawn in characters, eight lines. inputs: [time feature]."""
        return show_scan(inputs)
