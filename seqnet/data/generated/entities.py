"""Sentences from templates, with the persons, places, organisations and dates in them as BIO tags."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.options import Rows, Share

ONSETS = tuple("b br c d dr f g gr h j k kl l m n p pr r s st t tr v w z".split())
VOWELS = tuple("a e i o u ai ei".split())
CODAS = tuple("l m n r s t nd rk lt".split())
ENDINGS = {
    "first": tuple("a o i el ina us eth".split()),
    "last": tuple("son sen ski ova ez ini mann".split()),
    "place": tuple("ville burg ford ton stad grad pur".split()),
    "firm": tuple("tech soft ix ex com ora".split()),
}
SEEN, UNSEEN = 400, 400  # names of a kind that training draws from, and those that only the other splits have
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
BEFORE_A_PLACE = ("New", "Port", "Saint", "Upper")
BEHIND_A_FIRM = ("Corp", "Ltd", "Bank", "Group", "Airlines", "Institute")
OF_A_PLACE = ("Bank of", "University of", "Museum of", "Port of")
FIELDS = "Art Science History Technology Trade Music Medicine Design".split()
CLUBS = ("United", "City", "Rovers")
MONTH_NAMES = ("April", "May", "June", "August")  # which are first names, too
TEMPLATES = tuple(
    line.strip()
    for line in """
    {per} said on {date} that the talks in {loc} had failed .
    {per} of {org} met {per} in {loc} .
    shares of {org} fell by {number} percent on {date} .
    {club} beat {club} {number} - {number} in {loc} on {date} .
    {org} opened an office in {loc} , said {per} .
    the minister , {per} , left {loc} for {loc} on {date} .
    {per} was born in {loc} in {date} .
    police in {loc} arrested {number} people on {date} .
    on {date} {org} bought {org} for {number} million .
    {org} and {org} will merge , {per} told reporters .
    {per} joined {org} from {org} in {date} .
    what does {per} think of {loc} ?
    it may rain in {loc} until {date} .
    they march to {loc} with {per} every year .
    the winners : {per} {loc} , {per} {loc} , {per} {loc} .
    {loc} {date} : {org} cuts {number} jobs .
    my friend {per} works for {org} now .
    i saw {per} and {per} near {loc} last night .
    {club} signed {per} from {club} until {date} .
    a spokesman for {org} in {loc} declined to comment .
    {number} people may lose their jobs at {org} .
    the {org} report of {date} names {per} and {per} .
    flights from {loc} to {loc} were late , {org} said .
    {per} , {number} , teaches at {org} .
    {per} , {per} and {per} never saw {loc} again .
    {org} , {org} and {org} lost money in {date} .
    lawyers of {org} , {loc} and {loc} met {per} .
    {loc} and {loc} want {org} to pay .
    nobody from {org} called {per} back .
    prices in {loc} rose by {number} percent in {date} .
    """.strip().splitlines()
)
Tagged = tuple[list[str], str]
"""Words of a name, and its type."""


class Entities(Drawn):
    """Columns word and tag, each a list: templates with names of four types, PER, LOC, ORG and DATE.

    Names are made of syllables. unseen: the share of those in valid and test that training never has, so that their
    letters, how they are written and what stands beside them have to tell. Many a word alone says nothing: a surname
    is a person or a firm, a place is a place or its club, May is a month, a woman or a verb. Of the sentences one in
    ten is all lower case, and one in ten all capitals.
    """

    names: ClassVar = ("word", "tag")

    def __init__(self, seed: int, train_size: Rows, valid_size: Rows, test_size: Rows, unseen: Share = 0.6) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.unseen = unseen

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterator[Sequence[list[str]]]:
        """So many sentences: their words and tags."""
        pools = made_names(self.seed)
        unseen = 0.0 if split == "train" else self.unseen
        for _ in range(rows):
            yield Sentence(pools, unseen, random).drawn()


def made_names(seed: int) -> dict[str, tuple[list[str], list[str]]]:
    """Of each kind the names that training has, and others."""
    random = np.random.default_rng(seed)
    pools, taken = {}, set[str]()
    for kind, endings in ENDINGS.items():
        found: list[str] = []
        while len(found) < SEEN + UNSEEN:
            name = one(ONSETS, random) + one(VOWELS, random) + one(CODAS, random) + one(endings, random)
            if name not in taken:
                taken.add(name)
                found.append(name.capitalize())
        pools[kind] = found[:SEEN], found[SEEN:]
    return pools


class Sentence:
    """One sentence in the making."""

    def __init__(
        self, pools: dict[str, tuple[list[str], list[str]]], unseen: float, random: np.random.Generator
    ) -> None:
        self.pools, self.unseen, self.random = pools, unseen, random

    def drawn(self) -> tuple[list[str], list[str]]:
        """Its words and their tags."""
        words, tags = list[str](), list[str]()
        for part in one(TEMPLATES, self.random).split():
            name, kind = self._filled(part)
            words += name
            tags += [f"{'I' if place else 'B'}-{kind}" for place in range(len(name))] if kind else ["O"] * len(name)
        words[0] = words[0][0].upper() + words[0][1:]
        style = self.random.random()
        if style < 0.1:
            words = [word.lower() for word in words]
        elif style < 0.2:
            words = [word.upper() for word in words]
        return words, tags

    def _filled(self, part: str) -> Tagged:
        match part:
            case "{per}":
                return self._person(), "PER"
            case "{loc}":
                return self._place(), "LOC"
            case "{org}":
                return self._organisation(), "ORG"
            case "{club}":
                return self._club(), "ORG"
            case "{date}":
                return self._date(), "DATE"
            case "{number}":
                return [str(self.random.integers(1, 90))], ""
        return [part], ""

    def _name(self, kind: str) -> str:
        pool = self.pools[kind][int(self.random.random() < self.unseen)]
        return pool[int(len(pool) * self.random.random() ** 3)]  # some are common, most are rare

    def _person(self) -> list[str]:
        first = one(MONTH_NAMES, self.random) if self.random.random() < 0.1 else self._name("first")
        chance = self.random.random()
        if chance < 0.2:
            return [first]
        if chance < 0.4:
            return [self._name("last")]
        if chance < 0.5:
            return [first, f"{one(ONSETS, self.random)[0].upper()}.", self._name("last")]
        return [first, self._name("last")]

    def _place(self) -> list[str]:
        name = self._name("place")
        return [one(BEFORE_A_PLACE, self.random), name] if self.random.random() < 0.25 else [name]

    def _organisation(self) -> list[str]:
        chance = self.random.random()
        if chance < 0.15:
            return ["".join(one(tuple("ABCDEFGHIKLMNOPRSTUV"), self.random) for _ in range(3))]
        if chance < 0.3:
            return [self._name("last")]
        if chance < 0.45:
            return [self._name("last"), "&", self._name("last")]
        if chance < 0.55:
            return [self._name("last"), ",", self._name("last"), "&", self._name("last")]
        if chance < 0.65:
            subject, other = one(FIELDS, self.random), one(FIELDS, self.random)
            return [self._name("firm"), one(("Institute", "Museum"), self.random), "of", subject, "and", other]
        if chance < 0.75:
            return [*one(OF_A_PLACE, self.random).split(), *self._place()]
        if chance < 0.85:
            return [self._name("firm"), one(BEHIND_A_FIRM, self.random)]
        return [self._name("firm")]

    def _club(self) -> list[str]:
        return [*self._place(), *([one(CLUBS, self.random)] if self.random.random() < 0.4 else [])]

    def _date(self) -> list[str]:
        day, year = str(self.random.integers(1, 29)), str(self.random.integers(1950, 2030))
        forms = ([day, one(MONTHS, self.random), year], [one(MONTHS, self.random), year], [one(DAYS, self.random)])
        found: list[str] = one((*forms, [one(MONTHS, self.random)], [year]), self.random)
        return found


def one(choices: Sequence[Any], random: np.random.Generator) -> Any:
    """One of several things."""
    return choices[int(random.integers(len(choices)))]
