"""How each of a list of words is written: with capitals, small letters, figures, signs."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from seqnet.data.fields.field import Block, Raw
from seqnet.data.fields.options import at_least
from seqnet.data.fields.tokens import WordsField, decoded


class WordShapeField(WordsField):
    """The shape of each word, one a step: X for a capital, x for another letter, d for a figure, signs as they are.

    run: how many of the same in a row are kept: with 2, Apple is Xxx, NATO is XX, 2024 is dd. vocabulary_size,
    min_count, normalise: as for words, of shapes. Raises ConfigurationError.
    """

    def __init__(
        self,
        run: int = 2,
        vocabulary_size: int | None = None,
        min_count: int = 1,
        normalise: Literal["NFC", "NFKC"] | None = "NFC",
    ) -> None:
        super().__init__(False, vocabulary_size, min_count, normalise)
        at_least("run", run, 1)
        self._longer = re.compile(r"(.)\1{" + str(run) + ",}", re.DOTALL)
        self._run = run

    def shape(self, word: str) -> str:
        """The shape of a word."""
        signs = "".join(map(_sign, word))
        return self._longer.sub(lambda found: found[1] * self._run, signs)

    def _tokens(self, row: list[str]) -> Iterable[str]:
        return map(self.shape, row)

    def encode(self, values: Sequence[Raw]) -> Block:
        """The number of each word's shape. Raises BadValues."""
        return Block(*self.vocabulary.encode_all([list(map(self.shape, row)) for row in self._rows(values)]))

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported("shapes", run=self._run)

    def decode(self, entry: Any) -> str | list[str]:
        """The shape of a number, or the shapes of a row of them."""
        return decoded(entry, self.vocabulary.names)


def _sign(letter: str) -> str:
    if letter.isupper():
        return "X"
    if letter.isalpha():
        return "x"
    return "d" if letter.isdigit() else letter
