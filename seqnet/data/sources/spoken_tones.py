"""Recordings of ten words of two or three tones, such as do-mi-sol; some differ in the order of their tones alone."""

from collections.abc import Sequence
from typing import Any

import torch

from seqnet.data.sources.drawn_rows import DrawnRows
from seqnet.data.sources.tones import recording
from seqnet.options import NotNegative, Rows

PITCHES = {"do": 523.0, "mi": 659.0, "sol": 784.0, "ti": 988.0}  # hertz
WORDS = (
    *("do-mi", "mi-do", "do-sol", "sol-do", "mi-ti"),
    *("do-mi-sol", "sol-mi-do", "do-sol-do", "mi-ti-mi", "ti-mi-do"),
)
TONE = 0.1  # seconds


class SpokenTones(DrawnRows):
    """One of ten words a row. noise: see `recording`."""

    names = ("file", "label")  # as a folder of recordings has them

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

    def draw(self, random: torch.Generator) -> Sequence[Any]:
        """A recording and the word that it is of."""
        word = WORDS[int(torch.randint(len(WORDS), (), generator=random))]
        pitches = [PITCHES[tone] for tone in word.split("-")]
        return recording(pitches, [TONE] * len(pitches), self.noise, random), word
