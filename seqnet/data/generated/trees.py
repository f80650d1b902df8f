"""Sentences of a small grammar and their trees, all of words that training has."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.generated.phrases import Phrases
from seqnet.options import Count, Rows


class Trees(Phrases):
    """Columns sentence and tree, a text each: those of Phrases. most: words of a sentence."""

    names: ClassVar = ("sentence", "tree")

    def __init__(self, seed: int, train_size: Rows, valid_size: Rows, test_size: Rows, most: Count = 10) -> None:
        super().__init__(seed, train_size, valid_size, test_size, most, unseen=0.0)

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterator[Sequence[Any]]:
        """So many sentences."""
        return (row[2:] for row in super().draw(split, rows, random))
