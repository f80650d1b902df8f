"""Recordings of ten words of two or three tones, such as do-mi-sol; some differ in the order of their tones alone."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.data.generated.tones import recording
from seqnet.options import NotNegative, Rows

PITCHES = {"do": 523.0, "mi": 659.0, "sol": 784.0, "ti": 988.0}  # hertz
WORDS = (
    *("do-mi", "mi-do", "do-sol", "sol-do", "mi-ti"),
    *("do-mi-sol", "sol-mi-do", "do-sol-do", "mi-ti-mi", "ti-mi-do"),
)
TONE = 0.1  # seconds


class SpokenTones(Drawn):
    """One of ten words a row. noise: see `recording`."""

    names: ClassVar = ("file", "label")  # as a folder of recordings has them

    def __init__(
        self,
        seed: int,
        noise: NotNegative = 0.5,
        train_size: Rows = 1200,
        valid_size: Rows = 300,
        test_size: Rows = 300,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.noise = noise

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Recordings and the word that each is of."""
        for _ in range(rows):
            word = WORDS[random.integers(len(WORDS))]
            pitches = [PITCHES[tone] for tone in word.split("-")]
            yield recording(pitches, [TONE] * len(pitches), self.noise, random), word
