"""Sentences of a small grammar, with the part of speech of each word and the tree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.options import Count, Rows, Share

GRAMMAR: Mapping[str, Sequence[tuple[float, str]]] = {
    # A phrase's label is what stands before `_`: what is of the noun and what of the verb has a name of its own.
    "S": ((5, "NP VP"), (1, "PP_verb PUNCT NP VP"), (1, "S_plain CCONJ S_plain"), (1, "SBAR PUNCT NP VP")),
    "S_plain": ((1, "NP VP"),),
    "SBAR": ((1, "SCONJ S_plain"),),
    "NP": ((3, "DET NOUN"), (2, "DET ADJ NOUN"), (2, "PRON"), (1, "NP_plain PP_noun"), (1, "NP_plain SBAR_noun"),
           (1, "NP_plain CCONJ NP_plain"), (1, "ADJ NOUN"), (1, "NOUN")),
    "NP_plain": ((2, "DET NOUN"), (1, "DET ADJ NOUN"), (1, "DET NOUN NOUN"), (1, "DET VERB_past NOUN")),
    "SBAR_noun": ((1, "PRON_that VP"),),
    "VP": ((3, "VERB NP"), (2, "VERB"), (2, "VERB NP PP_verb"), (1, "VERB ADV"), (1, "AUX VP_bare"),
           (1, "VERB_says SBAR_that"), (1, "ADV VERB NP"), (1, "VERB PP_verb")),
    "VP_bare": ((2, "VERB_bare NP"), (1, "VERB_bare"), (1, "VERB_bare NP PP_verb")),
    "SBAR_that": ((1, "SCONJ_that S_plain"),),
    "PP_noun": ((1, "ADP_noun NP_plain"), (1, "ADP_with NP_part")),
    "PP_verb": ((1, "ADP_verb NP_plain"), (1, "ADP_with NP_tool")),
    "NP_part": ((1, "DET PART"), (1, "DET ADJ PART")),
    "NP_tool": ((1, "DET TOOL"), (1, "DET ADJ TOOL")),
}  # fmt: skip
CLOSED: Mapping[str, tuple[str, ...]] = {
    "DET": ("the", "a", "this", "that", "every", "some"),
    "PRON": ("he", "she", "they", "it", "we", "that"),
    "PRON_that": ("that", "which"),
    "SCONJ": ("because", "while", "as", "before"),
    "SCONJ_that": ("that",),
    "CCONJ": ("and", "or", "but"),
    "PUNCT": (",",),
    "AUX": ("will", "can", "may", "must"),
    "ADP_noun": ("of", "from"),
    "ADP_verb": ("by", "before", "near", "as"),
    "ADP_with": ("with",),
    "VERB_says": ("says", "said", "hopes", "hoped"),
    "PART": ("tail", "roof", "handle", "scar", "label"),
    "TOOL": ("hammer", "telescope", "brush", "key", "letter"),
}
TAGS = {"PART": "NOUN", "TOOL": "NOUN"}
BOTH = "walk run look plan play watch cook answer light sound cool clean dry open paint report order guide".split()
"""Nouns that are verbs, too; of them BOTH[8:14] are adjectives besides."""
ENDINGS = {
    "noun": ("tion", "ness", "ment", "er"),
    "verb": ("ize", "ate", "ify"),
    "adjective": ("ous", "ive", "al", "er"),
}
ONSETS = tuple("b br c d dr f g gr h j k l m n p pr r s st t tr v".split())
VOWELS = tuple("a e i o u".split())
CODAS = tuple("l m n r s t nd rk lt".split())
SEEN, UNSEEN = 60, 200  # words of a kind that training draws from, and those that only the other splits have


class Tree(NamedTuple):
    """A phrase of parts, or a word with its part of speech."""

    label: str
    parts: "tuple[Tree, ...]" = ()
    word: str = ""

    def words(self) -> "Iterator[Tree]":
        """The words in it, from left to right."""
        if self.word:
            yield self
        for part in self.parts:
            yield from part.words()

    def brackets(self) -> str:
        """`(NP (DET the) (NOUN dog))`."""
        return f"({self.label} {self.word or ' '.join(part.brackets() for part in self.parts)})"


class Phrases(Drawn):
    """Columns form and upos, a list each, and sentence and tree, a text each.

    The grammar is GRAMMAR, its words are CLOSED and others made of syllables with an ending that tells what they are,
    but for those of BOTH: walk is a noun or a verb, dry an adjective too, that and before have three parts each, and
    with belongs to what is before it or to the verb by what stands behind it. unseen: the share of nouns, verbs and
    adjectives in valid and test that training never has. most: words of a sentence.
    """

    names: ClassVar[tuple[str, ...]] = ("form", "upos", "sentence", "tree")

    def __init__(
        self,
        seed: int,
        train_size: Rows,
        valid_size: Rows,
        test_size: Rows,
        most: Count = 18,
        unseen: Share = 0.3,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.most, self.unseen = most, unseen

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterator[Sequence[Any]]:
        """So many sentences."""
        lexicon = Lexicon(self.seed, 0.0 if split == "train" else self.unseen, random)
        while rows:
            tree = lexicon.grown("S")
            words = list(tree.words())
            if len(words) > self.most:
                continue
            rows -= 1
            form = [one.word for one in words]
            yield form, [one.label for one in words], " ".join(form), tree.brackets()


class Lexicon:
    """Trees of the grammar, drawn, and their words."""

    def __init__(self, seed: int, unseen: float, random: np.random.Generator) -> None:
        self.unseen, self.random = unseen, random
        self.stems = {kind: _made(kind, np.random.default_rng([seed, number])) for number, kind in enumerate(ENDINGS)}

    def grown(self, symbol: str) -> Tree:
        """A tree below a symbol."""
        label = symbol.partition("_")[0]
        if symbol not in GRAMMAR:
            return Tree(TAGS.get(label, label), word=self._word(symbol))
        weights = np.array([weight for weight, _ in GRAMMAR[symbol]])
        _, parts = GRAMMAR[symbol][int(self.random.choice(len(weights), p=weights / weights.sum()))]
        return Tree(label, tuple(self.grown(part) for part in parts.split()))

    def _word(self, symbol: str) -> str:
        if symbol in CLOSED:
            return str(self.random.choice(CLOSED[symbol]))
        match symbol:
            case "NOUN":
                return self._stem("noun", BOTH) + self._ending("", "s")
            case "ADJ":
                return self._stem("adjective", BOTH[8:14])
            case "ADV":
                return self._stem("adjective", BOTH[8:14]) + "ly"
            case "VERB_bare":
                return self._stem("verb", BOTH)
            case "VERB_past":
                return _joined(self._stem("verb", BOTH), "ed")
        return _joined(self._stem("verb", BOTH), self._ending("s", "ed"))

    def _ending(self, *choices: str) -> str:
        return str(self.random.choice(choices))

    def _stem(self, kind: str, both: Sequence[str]) -> str:
        if self.random.random() < 0.3:
            return str(self.random.choice(both))
        pool = self.stems[kind][int(self.random.random() < self.unseen)]
        return pool[int(len(pool) * self.random.random() ** 2)]  # some are common, most are rare


def _made(kind: str, random: np.random.Generator) -> tuple[list[str], list[str]]:
    """The words of a kind that training has, and others."""
    found: dict[str, None] = {}
    while len(found) < SEEN + UNSEEN:
        syllables = [str(random.choice(part)) for part in (ONSETS, VOWELS, CODAS)]
        found["".join(syllables) + str(random.choice(ENDINGS[kind]))] = None
    return list(found)[:SEEN], list(found)[SEEN:]


def _joined(stem: str, ending: str) -> str:
    """A verb with its ending: painted, dries, closed."""
    if ending == "ed" and stem.endswith("e"):
        return f"{stem}d"
    if stem.endswith("y") and stem[-2] not in "aeiou":
        return f"{stem[:-1]}ie{ending[-1]}"
    return stem + ending
