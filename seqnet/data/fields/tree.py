"""A parse tree in brackets, to be written token by token."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from seqnet.batch import Tree
from seqnet.data.fields.field import Block, Raw
from seqnet.data.fields.raw import Unusable, each
from seqnet.data.fields.text import TextField
from seqnet.data.files import shown
from seqnet.decoding.brackets import CLOSE, LEAF, OPEN, Brackets
from seqnet.kinds import WORDS, Kind


class TreeField(TextField):
    """A tree a row: `(S (NP (DT the) (NN dog)) (VP (VBZ barks)))`, as treebanks have it.

    It is written as `(S (NP XX XX ) (VP XX ) )`, a leaf for each word (Vinyals et al. 2015): of a label what stands
    behind `-` or `=` is left out, a bracket without a label round it all, too, and what is written so already stays.
    word_tags: (DT the) is a word with its tag, and so a leaf; else a phrase of one word. well_formed: only trees are
    ever written, with a leaf for each word that is read. max_length: a row of more tokens is a bad row. Raises
    ConfigurationError.
    """

    def __init__(self, word_tags: bool = True, well_formed: bool = True, max_length: int | None = None) -> None:
        super().__init__("words", max_length=max_length)
        self._word_tags, self._well_formed = word_tags, well_formed

    @property
    def kind(self) -> Kind:
        """Tokens in a sequence, which are no words."""
        kind = super().kind
        return replace(kind, traits=kind.traits - {WORDS})

    def _read(self, values: Sequence[Raw]) -> list[str]:
        return list(map(self._normal, each(values, self._tree)))

    def _tree(self, value: Raw) -> str:
        return " ".join(linear(super()._text(value), self._word_tags))

    def seen(self, read: Sequence[str], answer: str) -> Tree:
        """What there is to see of a tree that was written over the words that were read."""
        return Tree(answer.split(), list(read))

    def encode_beginning(self, text: str) -> Block:
        """The numbers of a tree's beginning, written as it is to be: `(S (NP XX`."""
        return Block(*self.encoding.encode_all([self._normal(text)]))

    def grammar(self, names: Sequence[str], end: int) -> Brackets | None:
        """What is written obeys it; None where anything may be. names: of the vocabulary."""
        return Brackets.of(names, end) if self._well_formed else None


def linear(text: str, word_tags: bool = True) -> list[str]:
    """The tokens of a tree in brackets. Raises Unusable for what is none."""
    found: list[str] = []
    opened: list[tuple[int, int]] = []  # where each open phrase stands in `found`, and how many words it has by itself
    pieces = text.replace(OPEN, f" {OPEN} ").replace(CLOSE, f" {CLOSE} ").split()
    place, roots = 0, 0
    while place < len(pieces):
        piece = pieces[place]
        place += 1
        if piece == OPEN:
            roots += not opened
            label = ""
            if place < len(pieces) and pieces[place] not in (OPEN, CLOSE):
                label, place = pieces[place], place + 1
            opened.append((len(found), 0))
            found.append(OPEN + plain(label))
        elif not opened:
            raise Unusable(f"'{shown(piece)}' stands outside of the brackets")
        elif piece == CLOSE:
            _close(found, *opened.pop(), word_tags)
        else:
            begin, words = opened.pop()
            opened.append((begin, words + 1))
            found.append(LEAF if piece == LEAF else f"{LEAF}={piece}")
    if opened:
        raise Unusable(f"{len(opened)} of the brackets are not closed")
    if roots != 1:
        raise Unusable(f"{roots} trees where there must be one")
    if found[0] == OPEN:  # ( (S ...) )
        found = found[1:-1]
    if not found[0].startswith(OPEN) or 0 in _depths(found)[:-1]:
        raise Unusable("a tree is one phrase with a label, and all else is in it")
    return [LEAF if token.startswith(LEAF) else token for token in found]


def _close(found: list[str], begin: int, words: int, word_tags: bool) -> None:
    """End the phrase that begins there; one of a word and its tag becomes a leaf."""
    inside = found[begin + 1 :]
    if not inside:
        raise Unusable(f"the phrase '{shown(found[begin])}' is empty")
    if word_tags and words == 1 and len(inside) == 1 and inside[0] != LEAF:
        found[begin:] = [LEAF]
    else:
        found.append(CLOSE)


def _depths(tokens: Sequence[str]) -> list[int]:
    """How many phrases are open behind each token."""
    return list(accumulate(token.startswith(OPEN) - (token == CLOSE) for token in tokens))


def plain(label: str) -> str:
    """A label without what stands behind `-` or `=`; what begins so stays, as -LRB-."""
    return label[:1] + label[1:].partition("-")[0].partition("=")[0] if label else label
