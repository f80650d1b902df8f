"""A list of sentences, one a step: the words of each."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, ClassVar, Literal

import numpy as np

from seqnet.data.fields.field import Block, Raw
from seqnet.data.fields.options import at_least, chosen
from seqnet.data.fields.raw import each, words
from seqnet.data.fields.tokens import WordsField
from seqnet.data.levels.words import Parting
from seqnet.data.vocabulary import PADDING, UNKNOWN
from seqnet.kinds import LETTERS, RANKED, Axis, Item, Kind

END = re.compile(r"(?<=[.!?])\s+|\n+")  # of a sentence, in a text


class SentencesField(WordsField):
    """The first `most` words of each sentence, one sentence a step; a text is cut where its sentences end.

    tokenizer: words are what stands between white space, or punctuation marks and symbols are words of their own.
    lower, vocabulary_size, min_count, normalise: as for words. Raises ConfigurationError.
    """

    special: ClassVar[tuple[str, ...]] = (PADDING, UNKNOWN)

    def __init__(
        self,
        most: int = 20,
        tokenizer: Literal["whitespace", "punctuation"] = "whitespace",
        lower: bool = False,
        vocabulary_size: int | None = None,
        min_count: int = 1,
        normalise: Literal["NFC", "NFKC"] | None = "NFC",
    ) -> None:
        super().__init__(lower, vocabulary_size, min_count, normalise)
        at_least("most", most, 1)
        chosen("tokenizer", tokenizer, ("whitespace", "punctuation"))
        self.most = most
        self._parting = Parting() if tokenizer == "punctuation" else None

    @property
    def kind(self) -> Kind:
        """Some tokens a step."""
        return Kind(Item.TOKEN, Axis.STEP, frozenset({RANKED, LETTERS}))

    def _read(self, value: Raw) -> list[str]:
        """The sentences of a value. Raises Unusable."""
        return words(list(filter(str.strip, END.split(value))) if isinstance(value, str) else value)

    def _rows(self, values: Sequence[Raw]) -> list[list[str]]:
        return self._normal(each(values, self._read))

    def _tokens(self, row: list[str]) -> Iterable[str]:
        return chain.from_iterable(map(self._words, row))

    def _words(self, sentence: str) -> list[str]:
        if self._parting is not None:
            sentence = sentence.translate(self._parting)
        return sentence.split()[: self.most]

    def encode(self, values: Sequence[Raw]) -> Block:
        """The numbers of the words, [sentences most], 0 behind the last. Raises BadValues."""
        rows = self._rows(values)
        made = self.vocabulary.encode_padded([self._words(sentence) for row in rows for sentence in row], self.most)
        return Block(made, np.fromiter(map(len, rows), np.int64, len(rows)))

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported("sentences", most=self.most, punctuation=self._parting is not None)

    def decode(self, entry: Any) -> str | list[str]:
        """The words of a sentence [most], or of a row of sentences [steps most]."""
        ids = np.asarray(entry)
        if ids.ndim > 1:
            return [str(self.decode(sentence)) for sentence in ids]
        return " ".join(self.vocabulary.names[number] for number in ids.tolist() if number)

    def show(self, entry: Any) -> str:
        """The sentences of a row, one behind the other."""
        return " / ".join(self.decode(np.asarray(entry)))
