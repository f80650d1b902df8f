"""Reviews put together from phrases: is the writer content?"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.options import Rows

LABELS = ("negative", "positive")
GOOD = (
    "good great lovely superb charming delightful warm fresh clever honest touching memorable brilliant generous "
    "elegant friendly splendid wonderful fine gripping"
).split()
BAD = (
    "bad awful dull dreadful cold stale clumsy rude boring forgettable poor tiresome bland shabby noisy gloomy "
    "disappointing terrible weak tedious"
).split()
THINGS = (
    "film play book concert meal hotel room service story plot music cast ending dialogue soup dessert breakfast view "
    "staff garden exhibition tour menu bar lobby"
).split()
HOW = ("", "", "very ", "really ", "quite ", "rather ", "simply ", "so ")
NOT = ("not", "never", "hardly", "anything but")
NEUTRAL = (
    "we went there on a sunday",
    "it was our second time",
    "a friend had told us about it",
    "it took about two hours",
    "we sat near the window",
    "my sister came along",
    "the tickets came by post",
    "we booked it in spring",
)
MIXED = (
    "although the {other} was {how}{b} , the {thing} was {how2}{a}",
    "the {other} was {b} , but the {thing} was {a}",
)


class Reviews(Drawn):
    """One to three sentences on a film, a meal or a hotel; columns `text` and `label`, `negative` or `positive`.

    A sentence praises or blames, by an adjective or by a denied one of the other kind (`not dull`), or grants the
    opposite before it does (`although the soup was cold , the dessert was superb`); others say nothing. All that judge
    agree.
    """

    names: ClassVar = ("text", "label")

    def __init__(self, seed: int, train_size: Rows = 4000, valid_size: Rows = 500, test_size: Rows = 1000) -> None:
        super().__init__(seed, train_size, valid_size, test_size)

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Reviews and their labels."""
        for label in random.integers(2, size=rows):
            yield _review(bool(label), random), LABELS[label]


def _review(content: bool, random: np.random.Generator) -> str:
    said = [_sentence(content, random) for _ in range(random.integers(1, 3))]
    if random.integers(2):
        said.insert(random.integers(len(said) + 1), random.choice(NEUTRAL))
    return " . ".join(said) + " ."


def _sentence(content: bool, random: np.random.Generator) -> str:
    own, opposite = (GOOD, BAD) if content else (BAD, GOOD)
    thing, other = random.choice(THINGS, 2, replace=False)
    words = {"thing": thing, "other": other, "a": random.choice(own), "b": random.choice(opposite)}
    words |= {"how": random.choice(HOW), "how2": random.choice(HOW)}
    form = random.integers(4)
    if form < 2:
        return "the {thing} was {how}{a}".format(**words)
    if form == 2:
        return "the {thing} was {no} {b}".format(no=random.choice(NOT), **words)
    return str(random.choice(MIXED)).format(**words)
