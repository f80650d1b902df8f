"""Recordings of words of random letters, of which each sounds as two tones: whoever writes them has heard each."""

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.data.generated.tones import recording
from seqnet.data.generation import at_least
from seqnet.options import Count, NotNegative, Rows

PITCHES = (440.0, 622.0, 880.0, 1245.0)  # hertz
LETTERS = dict(zip("abcdefghijkl", permutations(PITCHES, 2), strict=True))
TONE, REST = 0.06, 0.03  # seconds


class SpelledTones(Drawn):
    """A word of `shortest` to `longest` letters from a to l a row. noise: see `recording`."""

    names: ClassVar = ("file", "text")

    def __init__(
        self,
        seed: int,
        shortest: Count = 2,
        longest: Count = 6,
        noise: NotNegative = 0.2,
        train_size: Rows = 2000,
        valid_size: Rows = 200,
        test_size: Rows = 300,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        at_least("data.generated.longest", longest, shortest)
        self.shortest, self.longest, self.noise = shortest, longest, noise

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Recordings and the word that each spells."""
        names = tuple(LETTERS)
        for _ in range(rows):
            length = random.integers(self.shortest, self.longest + 1)
            word = "".join(names[place] for place in random.integers(len(names), size=length))
            pitches = [pitch for letter in word for pitch in (*LETTERS[letter], 0.0)]
            yield recording(pitches, [TONE, TONE, REST] * len(word), self.noise, random), word
