"""The characters of each of a list of words."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from seqnet.data.fields.field import Block, Raw
from seqnet.data.fields.options import at_least
from seqnet.data.fields.tokens import WordsField
from seqnet.data.vocabulary import PADDING, UNKNOWN
from seqnet.kinds import LETTERS, RANKED, Axis, Item, Kind


class LettersField(WordsField):
    """The first `most` characters of each word, one word a step.

    lower, vocabulary_size, min_count, normalise: as for words, of characters. Raises ConfigurationError.
    """

    special: ClassVar[tuple[str, ...]] = (PADDING, UNKNOWN)

    def __init__(
        self,
        most: int = 20,
        lower: bool = False,
        vocabulary_size: int | None = None,
        min_count: int = 1,
        normalise: Literal["NFC", "NFKC"] | None = "NFC",
    ) -> None:
        super().__init__(lower, vocabulary_size, min_count, normalise)
        at_least("most", most, 1)
        self.most = most

    @property
    def kind(self) -> Kind:
        """Some tokens a step."""
        return Kind(Item.TOKEN, Axis.STEP, frozenset({RANKED, LETTERS}))

    def _tokens(self, row: list[str]) -> Iterable[str]:
        return "".join(row)

    def encode(self, values: Sequence[Raw]) -> Block:
        """The numbers of the characters, [steps most], 0 behind the last. Raises BadValues."""
        rows = self._rows(values)
        made = self.vocabulary.encode_padded([word[: self.most] for row in rows for word in row], self.most)
        return Block(made, np.fromiter(map(len, rows), np.int64, len(rows)))

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported("letters", most=self.most)

    def decode(self, entry: Any) -> str | list[str]:
        """The characters of a word [most], or of a row of words [steps most]."""
        ids = np.asarray(entry)
        if ids.ndim > 1:
            return [str(self.decode(word)) for word in ids]
        return "".join(self.vocabulary.names[number] for number in ids.tolist() if number)
