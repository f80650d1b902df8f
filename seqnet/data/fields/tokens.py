"""Lists of words, a step each: the words themselves, or what is seen of them."""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, ClassVar, Literal

import numpy as np

from seqnet.data.counts import Counts
from seqnet.data.fields.field import Block, Raw
from seqnet.data.fields.options import chosen
from seqnet.data.fields.raw import each, words
from seqnet.data.vocabulary import UNKNOWN, Vocabulary, check_limits
from seqnet.kinds import OPEN, RANKED, Axis, Item, Kind
from seqnet.specs import Tokens

NORMAL_FORMS = ("NFC", "NFKC", None)


class WordsField(ABC):
    """What is read of lists of words, a token or several of each step, numbered as the training rows have them."""

    opens_files: ClassVar[bool] = False
    special: ClassVar[tuple[str, ...]] = (UNKNOWN,)

    def __init__(
        self, lower: bool, vocabulary_size: int | None, min_count: int, normalise: Literal["NFC", "NFKC"] | None
    ) -> None:
        check_limits(vocabulary_size, min_count, len(self.special) + 1, "data.fields.*")
        chosen("normalise", normalise, NORMAL_FORMS)
        self._lower, self._normalise = lower, normalise
        self._size, self._min_count = vocabulary_size, min_count
        self._counts = Counts()
        self.vocabulary = Vocabulary(self.special)

    @abstractmethod
    def _tokens(self, row: list[str]) -> Iterable[str]:
        """What is counted of the words of a row."""

    def _rows(self, values: Sequence[Raw]) -> list[list[str]]:
        """The words of each row, normalised, in lower case if so. Raises BadValues."""
        return self._normal(each(values, words))

    def _normal(self, rows: list[list[str]]) -> list[list[str]]:
        form = self._normalise
        if form is not None:
            rows = [[unicodedata.normalize(form, word) for word in row] for row in rows]
        return [list(map(str.lower, row)) for row in rows] if self._lower else rows

    @property
    def kind(self) -> Kind:
        """A token a step."""
        return Kind(Item.TOKEN, Axis.STEP, frozenset({RANKED, OPEN}))

    def observe(self, values: Sequence[Raw]) -> None:
        """Count the tokens of training rows. Raises BadValues."""
        self._counts.update(chain.from_iterable(map(self._tokens, self._rows(values))))

    def join(self, other: "WordsField") -> None:
        """Count what another was shown."""
        self._counts.join(other._counts)

    def learned(self) -> Tokens:
        """Number the tokens."""
        if self._counts:
            self.vocabulary = Vocabulary.build(self._counts, self.special, self._size, self._min_count)
            self._counts = Counts()
        return self._space()

    def _space(self) -> Tokens:
        return Tokens(self.vocabulary.names, len(self.vocabulary), unknown=self.vocabulary.unknown)

    def _exported(self, of: str, **options: Any) -> dict[str, Any]:
        """What a subclass says of itself. of: what is numbered of each word."""
        said = {"kind": "words", "of": of, "lower": self._lower, "normalise": self._normalise}
        return {**said, "names": list(self.vocabulary.names), **options}

    def unknown(self, block: Block) -> int:
        """How many of the tokens are ones that training did not see often enough."""
        return int(np.count_nonzero(block.flat == self.vocabulary.unknown))

    def state(self) -> list[str]:
        """The vocabulary."""
        return self.vocabulary.state()

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        self.vocabulary = Vocabulary.restore(state, self.special)


class TokensField(WordsField):
    """The words themselves, one a step.

    lower: read in lower case. vocabulary_size: entries at most, the unknown one counted; None for no limit.
    min_count: rarer words are unknown. normalise: the Unicode form that words are brought into, or None. Raises
    ConfigurationError.
    """

    def __init__(
        self,
        lower: bool = False,
        vocabulary_size: int | None = None,
        min_count: int = 1,
        normalise: Literal["NFC", "NFKC"] | None = "NFC",
    ) -> None:
        super().__init__(lower, vocabulary_size, min_count, normalise)

    def _tokens(self, row: list[str]) -> Iterable[str]:
        return row

    def encode(self, values: Sequence[Raw]) -> Block:
        """The number of each word. Raises BadValues."""
        return Block(*self.vocabulary.encode_all(self._rows(values)))

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported("words")

    def decode(self, entry: Any) -> str | list[str]:
        """The word of a number, or the words of a row of them."""
        return decoded(entry, self.vocabulary.names)


def decoded(entry: Any, names: Sequence[str]) -> str | list[str]:
    """The name of a number, or a list of names of a row of them."""
    ids = np.asarray(entry).tolist()
    return [names[number] for number in ids] if isinstance(ids, list) else names[ids]
