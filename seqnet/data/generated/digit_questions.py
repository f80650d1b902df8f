"""Questions about scanned digits: which one is it, is it odd, is it larger than five?"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.data.scans import Scans
from seqnet.data.sources.digit_captions import DIGITS
from seqnet.options import Rows

YES_NO = ("no", "yes")


class DigitQuestions(Drawn):
    """Columns `image` (a scan of 8 x 8 grey values), `question` and `answer`, which is a digit's name, yes or no.

    What is asked is drawn evenly of six questions, four of which a number stands in. Scans of one split are in no
    other; see Scans.
    """

    names: ClassVar = ("image", "question", "answer")

    def __init__(self, seed: int, train_size: Rows = 5400, valid_size: Rows = 360, test_size: Rows = 1440) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.scans = Scans(seed, 0.75, 0.05)

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Each scan as often as any other, with questions about it."""
        scans, digits = self.scans.split(split)
        order = random.permutation(np.arange(rows) % len(scans))
        for row in order.tolist():
            yield scans[row].numpy(), *asked(int(digits[row]), random)


def asked(digit: int, random: np.random.Generator) -> tuple[str, str]:
    """A question about a digit, and the answer."""
    kind, other = int(random.integers(6)), int(random.integers(10))
    if kind == 0:
        return "which digit is it", DIGITS[digit]
    if kind == 1:
        return "is it odd", YES_NO[digit % 2]
    if kind == 2:
        return "is it even", YES_NO[1 - digit % 2]
    if kind == 3:
        return f"is it larger than {DIGITS[other]}", YES_NO[digit > other]
    if kind == 4:
        return f"is it smaller than {DIGITS[other]}", YES_NO[digit < other]
    if random.random() < 0.5:  # or the answer would nearly always be no
        other = digit
    return f"is it a {DIGITS[other]}", YES_NO[digit == other]
