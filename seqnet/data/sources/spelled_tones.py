"""Recordings of words of random letters, of which each sounds as two tones: whoever writes them has heard each."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import torch

from seqnet.data.generation import at_least
from seqnet.data.sources.drawn_rows import DrawnRows
from seqnet.data.sources.tones import recording
from seqnet.options import Count, NotNegative, Rows

PITCHES = (440.0, 622.0, 880.0, 1245.0)  # hertz
LETTERS = dict(zip("abcdefghijkl", permutations(PITCHES, 2), strict=True))
TONE, REST = 0.06, 0.03  # seconds


class SpelledTones(DrawnRows):
    """A word of `shortest` to `longest` letters from a to l a row. noise: see `recording`."""

    names = ("file", "text")

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
        at_least("data.drawn.longest", longest, shortest)
        self.shortest, self.longest, self.noise = shortest, longest, noise

    def draw(self, random: torch.Generator) -> Sequence[Any]:
        """A recording and the word that it spells."""
        length = int(torch.randint(self.shortest, self.longest + 1, (), generator=random))
        names = tuple(LETTERS)
        word = "".join(names[place] for place in torch.randint(len(names), (length,), generator=random).tolist())
        pitches = [pitch for letter in word for pitch in (*LETTERS[letter], 0.0)]
        return recording(pitches, [TONE, TONE, REST] * length, self.noise, random), word
