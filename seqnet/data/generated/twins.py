"""Sentences that stand there twice, two of their words exchanged: what they say only the order of words decides."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.options import Rows

GOOD = "good great lovely superb charming warm fresh clever splendid wonderful".split()
BAD = "bad awful dull dreadful clumsy cold stale rude boring terrible".split()
THINGS = "film meal hotel concert play book tour show party trip".split()
ASPECTS = "music room service story ending menu garden view cast bar".split()
FILLERS = (
    "to put it mildly",
    "as far as i know",
    "if you ask me today",
    "at least in my eyes",
    "as everyone could see that day",
    "when all is said and done",
    "so it seemed to us",
    "in the end of it",
    "as one says these days",
    "or so i was told",
)
FORMS = (  # {judged} says what the whole is like, {other} does not
    "the {thing} was not {0} {other} {1} but {2} {judged} {3}",
    "although the {aspect} was {0} {other} {1} the {thing} was {2} {judged} {3}",
    "it is more {0} {judged} {1} than {2} {other} {3} this {thing}",
    "i call this {thing} {0} {judged} {1} rather than {2} {other} {3}",
    "the {aspect} may be {0} {other} {1} yet the {thing} is {2} {judged} {3}",
)


class Twins(Drawn):
    """Twins side by side: the same sentence with its two adjectives exchanged, and the other label.

    Columns `text` and `label`, `bad` or `good`. A bag of its words says nothing, and fillers of four to six words
    before and behind each adjective keep short runs of words from saying more.
    """

    names: ClassVar = ("text", "label")

    def __init__(self, seed: int, train_size: Rows = 4000, valid_size: Rows = 500, test_size: Rows = 1000) -> None:
        super().__init__(seed, train_size, valid_size, test_size)

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Sentences and their labels, twins side by side; of an odd number the last has no twin."""
        return islice(_twins(random), rows)


def _twins(random: np.random.Generator) -> Iterator[tuple[str, str]]:
    while True:
        form, fillers = random.choice(FORMS), random.choice(FILLERS, 4)
        words = {"thing": random.choice(THINGS), "aspect": random.choice(ASPECTS)}
        good, bad = random.choice(GOOD), random.choice(BAD)
        yield form.format(*fillers, judged=bad, other=good, **words), "bad"
        yield form.format(*fillers, judged=good, other=bad, **words), "good"
