"""A digit, and the scan that is to be drawn of it, pixel by pixel: each grey value is a token."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Drawing
from seqnet.data.examples import Examples
from seqnet.data.files import shown
from seqnet.data.generation import equal_rows
from seqnet.data.scans import DARKEST, SIDE, Scanned, read_digits, read_drawing, show_scan
from seqnet.data.teacher_forcing import strip_special, teacher_forcing, with_ends, without_targets, writing
from seqnet.errors import DataError
from seqnet.kinds import ENDS, Axis, Item, Kind
from seqnet.specs import Tokens


class DigitPixels(Scanned):
    """Draw this digit: 64 grey values of 0 to 16, row by row from the top left, each one of 17 tokens.

    So a model gives a distribution of each, and what is drawn from it is a digit in one of many hands. source: the
    digit, a sequence of one. Split: see Scans.
    """

    input_kinds = {"source": Kind(Item.TOKEN, Axis.SEQUENCE)}
    target_kind = Kind(Item.TOKEN, Axis.SEQUENCE, frozenset({ENDS}))
    source = Tokens(tuple("0123456789"))
    inputs = targets = with_ends([str(grey) for grey in range(DARKEST + 1)])
    writing = writing(targets, longest=SIDE * SIDE + 1)

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`. Raises ConfigurationError where scikit-learn is not installed."""
        scans, digits = self.scans.split(name)
        greys = (scans.flatten(1) * DARKEST).round().long()
        return teacher_forcing(equal_rows(digits[:, None]), equal_rows(greys), self.writing)

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a digit, such as 7 or [7]; nothing is asked. Raises DataError."""
        return without_targets(read_digits(lines, where, first), self.writing)

    def picture(self, ids: Sequence[Any] | Tensor) -> Tensor:
        """A drawing, [8 8] of 0 to 1; pixels that were not written are paper."""
        greys = torch.zeros(SIDE * SIDE)
        own = torch.tensor(strip_special(ids, self.writing)[: SIDE * SIDE], dtype=torch.float32)
        greys[: len(own)] = own / DARKEST
        return greys.view(SIDE, SIDE)

    def seen(self, read: Tensor, answer: Sequence[Any]) -> Drawing:
        """What there is to see of an answer."""
        return Drawing(self.picture(answer))

    def text(self, ids: Sequence[Any] | Tensor) -> str:
        """What is drawn, in characters, a line a row."""
        return show_scan(torch.tensor(strip_special(ids, self.writing)[: SIDE * SIDE]) / DARKEST)

    def words(self, ids: Sequence[Any] | Tensor) -> list[str]:
        """The grey value of each token, as the label of an axis."""
        return [self.targets.names[int(number)] for number in ids]

    def source_words(self, row: Tensor) -> list[str]:
        """The digit, as the label of an axis. row: [1]."""
        return [self.source.names[number] for number in row.tolist()]

    def encode_target(self, text: str) -> list[int]:
        """The ids of the first grey values of a drawing, `0 0 5 13`, or as `text` draws them. Raises DataError."""
        if (drawn := read_drawing(text)) is not None:
            return drawn
        ids = []
        for word in text.split():
            if word not in self.targets.names[: DARKEST + 1]:
                raise DataError(f"'{shown(word, 20)}' is no grey value, which are whole numbers from 0 to {DARKEST}")
            ids.append(int(word))
        return ids

    def show(self, row: Tensor) -> str:
        """The digit. row: [1]."""
        return self.source_words(row)[0]
