"""A digit, and the scan that is to be drawn of it, row by row."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from seqnet.batch import Drawing
from seqnet.data.examples import Examples
from seqnet.data.generation import equal_rows
from seqnet.data.scans import SIDE, Scanned, read_digits, show_scan
from seqnet.data.teacher_forcing import number_teacher_forcing, numbers_without_targets
from seqnet.kinds import Axis, Item, Kind
from seqnet.specs import Tokens, Vector, Writing


class DigitDrawing(Scanned):
    """Draw this digit: eight rows of eight grey values, from the top.

    source: the digit, a sequence of one; inputs: zeros, then the rows before; targets: the rows. The digit says
    nothing of one hand or another, so what has the least squared error is the mean of all scans of a digit that begin
    like this one, and a drawing from nothing is the average digit: soft at its edges. Grey values and split: see Scans.
    """

    input_kinds = {"source": Kind(Item.TOKEN, Axis.SEQUENCE)}
    target_kind = Kind(Item.NUMBER, Axis.SEQUENCE)
    source = Tokens(tuple("0123456789"))
    inputs = targets = Vector(SIDE)
    writing = Writing(begin=None, end=None, forbidden=(), longest=SIDE)

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`. Raises ConfigurationError where scikit-learn is not installed."""
        scans, digits = self.scans.split(name)
        return number_teacher_forcing(equal_rows(digits[:, None]), scans)

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a digit, such as 7 or [7]; nothing is asked. Raises DataError."""
        return numbers_without_targets(read_digits(lines, where, first), SIDE)

    def picture(self, values: Tensor) -> Tensor:
        """A drawing, as it is. values: [8 8]."""
        return values

    def seen(self, read: Tensor, answer: Tensor) -> Drawing:
        """What there is to see of an answer."""
        return Drawing(self.picture(answer))

    def text(self, values: Tensor) -> str:
        """A drawing in characters, eight lines. values: [8 8], from 0 to 1."""
        return show_scan(values)

    def words(self, values: Sequence[Any] | Tensor) -> list[str]:
        """A label for each row of a drawing."""
        return [f"row {place + 1}" for place in range(len(values))]

    def source_words(self, row: Tensor) -> list[str]:
        """The digit, as the label of an axis. row: [1]."""
        return [self.source.names[number] for number in row.tolist()]

    def show(self, row: Tensor) -> str:
        """The digit. row: [1]."""
        return self.source_words(row)[0]
