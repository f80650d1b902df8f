"""Scales and arpeggios over their root, in any key: which notes sound next?"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.options import Rows

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "major arpeggio": (0, 4, 7),
    "minor arpeggio": (0, 3, 7),
    "seventh arpeggio": (0, 4, 7, 10),
}
LOWEST, HIGHEST = 48, 71  # MIDI numbers of the roots, C3 to B4


class Melodies(Drawn):
    """Column `notes`: of each step the MIDI numbers that sound: a scale or an arpeggio up and down, twice.

    Its root sounds an octave below all the while. What comes next is sure once the key and the scale are: the first
    steps are what there is to guess.
    """

    names: ClassVar = ("notes",)

    def __init__(self, seed: int, train_size: Rows = 2000, valid_size: Rows = 50, test_size: Rows = 100) -> None:
        super().__init__(seed, train_size, valid_size, test_size)

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Melodies."""
        for _ in range(rows):
            degrees = list(SCALES.values())[random.integers(len(SCALES))]
            root = int(random.integers(LOWEST, HIGHEST + 1))
            up = [root + degree for degree in degrees]
            once = [*up, root + 12, *up[:0:-1]]
            yield ([[root - 12, note] for note in [*once, *once, root]],)
