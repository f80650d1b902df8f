"""Scanned digits on one canvas, two or more, named from left to right."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.data.generation import at_least
from seqnet.data.scans import SIDE, Scans
from seqnet.data.sources.digit_captions import DIGITS
from seqnet.options import Rows, whole

HEIGHT = 14  # pixels
ROOM = 2  # pixels beside each digit, on the whole


class DigitRows(Drawn):
    """Columns `image` (14 rows of grey values) and `caption`: `seven two`, `three eight zero`.

    Digits stand at any height, and with any room between them. fewest, most: how many there are. Scans of one split
    are in no other; see Scans. Raises ConfigurationError.
    """

    names: ClassVar = ("image", "caption")

    def __init__(
        self,
        seed: int,
        fewest: Annotated[int, whole(1, 9)] = 2,
        most: Annotated[int, whole(1, 9)] = 2,
        train_size: Rows = 6000,
        valid_size: Rows = 500,
        test_size: Rows = 1000,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.scans = Scans(seed, 0.7, 0.15)
        at_least("data.generated.most", most, fewest)
        self.fewest, self.most = fewest, most

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Canvases [14 width] float32 and what stands on them."""
        scans, digits = (tensor.numpy() for tensor in self.scans.split(split))
        width = self.most * (SIDE + ROOM)
        for _ in range(rows):
            count = int(random.integers(self.fewest, self.most + 1))
            chosen = random.integers(len(scans), size=count)
            canvas = np.zeros((HEIGHT, width), np.float32)
            free = width - count * SIDE
            begins = np.sort(random.integers(free + 1, size=count)) + SIDE * np.arange(count)
            for row, left in zip(chosen, begins, strict=True):
                top = random.integers(HEIGHT - SIDE + 1)
                canvas[top : top + SIDE, left : left + SIDE] = scans[row]
            yield canvas, " ".join(DIGITS[digits[row]] for row in chosen)
