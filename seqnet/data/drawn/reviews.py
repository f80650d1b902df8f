"""Reviews put together from phrases: is the writer content?"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from seqnet.data.drawn.drawn import Sized, picked
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


class Reviews(Sized):
    """One to three sentences on a film, a meal or a hotel; columns `text` and `label`, `negative` or `positive`.

    A sentence praises or blames, by an adjective or by a denied one of the other kind (`not dull`), or grants the
    opposite before it does (`although the soup was cold , the dessert was superb`); others say nothing. All that judge
    agree.
    """

    columns: ClassVar = ("text", "label")

    def __init__(self, seed: int, train_size: Rows = 4000, valid_size: Rows = 500, test_size: Rows = 1000) -> None:
        super().__init__(seed, train_size, valid_size, test_size)

    def some(self, rows: int, random: torch.Generator) -> Mapping[str, Sequence[Any]]:
        """So many rows, drawn from the generator."""
        labels = torch.randint(2, (rows,), generator=random).tolist()
        return {
            "text": [_review(bool(label), random) for label in labels],
            "label": [LABELS[label] for label in labels],
        }


def _review(content: bool, random: torch.Generator) -> str:
    said = [_sentence(content, random) for _ in range(1 + int(torch.randint(2, (), generator=random)))]
    if torch.randint(2, (), generator=random):
        said.insert(int(torch.randint(len(said) + 1, (), generator=random)), picked(NEUTRAL, random))
    return " . ".join(said) + " ."


def _sentence(content: bool, random: torch.Generator) -> str:
    own, opposite = (GOOD, BAD) if content else (BAD, GOOD)
    thing, other = (THINGS[place] for place in torch.randperm(len(THINGS), generator=random)[:2].tolist())
    words = {"thing": thing, "other": other, "a": picked(own, random), "b": picked(opposite, random)}
    words |= {"how": picked(HOW, random), "how2": picked(HOW, random)}
    form = int(torch.randint(4, (), generator=random))
    if form < 2:
        return "the {thing} was {how}{a}".format(**words)
    if form == 2:
        return "the {thing} was {no} {b}".format(no=picked(NOT, random), **words)
    return picked(MIXED, random).format(**words)
