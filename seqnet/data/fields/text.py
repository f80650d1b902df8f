"""Texts, read as characters, words or byte pairs."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from seqnet.data.encoding import LEVELS, Encoding, least_size
from seqnet.data.fields.field import BadValues, Block, Raw
from seqnet.data.fields.options import at_least, chosen, no_effect
from seqnet.data.fields.raw import Unusable, each, missing
from seqnet.data.levels.byte_pairs import BytePairs
from seqnet.data.levels.words import Words
from seqnet.data.vocabulary import check_limits
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import OPEN, RANKED, STREAM, WORDS, Axis, Item, Kind
from seqnet.specs import Tokens

NORMAL_FORMS = ("NFC", "NFKC", None)


class TextField:
    """A text a row, as numbers of a vocabulary that the training rows make.

    level: characters, words or bpe. tokenizer: words are what stands between white space, or punctuation marks and
    symbols are words of their own. lower: read in lower case. normalise: the Unicode form it is brought into, NFC or
    NFKC; None leaves it as it is. vocabulary_size: entries at most, special ones counted; None for no limit (8000
    for bpe). min_count: rarer tokens are unknown, rarer pairs not joined. vocabulary: the name of another field that
    it is shared with (see `share`). max_length: a row of more tokens is a bad row. Raises ConfigurationError.
    """

    opens_files: ClassVar[bool] = False

    def __init__(
        self,
        level: Literal["characters", "words", "bpe"] = "words",
        tokenizer: Literal["whitespace", "punctuation"] = "whitespace",
        lower: bool = False,
        normalise: Literal["NFC", "NFKC"] | None = "NFC",
        vocabulary_size: int | None = None,
        min_count: int = 1,
        vocabulary: str | None = None,
        max_length: int | None = None,
    ) -> None:
        chosen("level", level, tuple(LEVELS))
        chosen("tokenizer", tokenizer, ("whitespace", "punctuation"))
        chosen("normalise", normalise, NORMAL_FORMS)
        if tokenizer == "punctuation" and level != "words":
            raise no_effect("tokenizer", tokenizer, f"with level={level}: only words are parted from signs")
        check_limits(vocabulary_size, min_count, least_size(level), "data.fields.*")
        if max_length is not None:
            at_least("max_length", max_length, 1)
        self.level, self.lower = level, lower
        self.normalise: Literal["NFC", "NFKC"] | None = normalise
        self.vocabulary, self.max_length = vocabulary, max_length
        self._options: dict[str, Any] = {"size": vocabulary_size, "min_count": min_count}
        if tokenizer == "punctuation":
            self._options["punctuation"] = True
        self._streams, self._stripped = False, False
        self._shared = _Shared(LEVELS[level](**self._options))

    def stream(self) -> None:
        """From now on its texts are documents, or pieces of them, read from end to end: words know where lines end.

        A document may come in pieces that end where a line does. Raises ConfigurationError where max_length is set.
        """
        if self.max_length is not None:
            raise no_effect("max_length", self.max_length, "on running text, which is cut into windows")
        self._streams = True
        if self.level == "words":
            self._options["line_ends"] = True
            check_limits(self._options["size"], self._options["min_count"], least_size("words", True), "data.fields.*")
        self._shared = _Shared(LEVELS[self.level](**self._options))

    def strip(self) -> None:
        """From now on white space around a text is none of it: as what is written, one line stands for a text."""
        self._stripped = True

    def share(self, other: "TextField") -> None:
        """Use one vocabulary with another field, learned from the texts of both. Raises ConfigurationError."""
        reads = ("level", "normalise", "lower", "_options")
        if any(getattr(self, one) != getattr(other, one) for one in reads):
            raise ConfigurationError(
                f"data.fields.*.vocabulary={self.vocabulary}: two fields that share a vocabulary must have the same "
                "level, tokenizer, lower, normalise, vocabulary_size and min_count"
            )
        self._shared = other._shared

    @property
    def kind(self) -> Kind:
        """Tokens in a sequence; byte pairs do not stand by frequency."""
        traits = {RANKED, OPEN} if self.level != "bpe" else set()
        if self.level == "words":
            traits.add(WORDS)
        return Kind(Item.TOKEN, Axis.SEQUENCE, frozenset(traits | ({STREAM} if self._streams else set())))

    @property
    def encoding(self) -> Encoding:
        """The level and what it has learned."""
        return self._shared.encoding

    def _read(self, values: Sequence[Raw]) -> list[str]:
        if self._streams or self._stripped or set(map(type, values)) != {str} or not all(map(str.strip, values)):
            values = each(values, self._text)
        return list(map(self._normal, values))

    def _normal(self, text: str) -> str:
        if self.normalise is not None:
            text = unicodedata.normalize(self.normalise, text)
        return text.lower() if self.lower else text

    def _text(self, value: Raw) -> str:
        if not isinstance(value, str):
            raise Unusable("the text is missing" if missing(value) else f"it is no text but {type(value).__name__}")
        if not self._streams and not value.strip():  # of running text, a piece may be blank
            raise Unusable("there is no text")
        return value.strip() if self._stripped else value

    def observe(self, values: Sequence[Raw]) -> None:
        """Count the tokens of training texts. Raises BadValues."""
        self.encoding.observe(self._read(values))

    @property
    def join(self) -> "Callable[[TextField], None] | None":
        """Counts what another was shown; None of byte pairs, which are learned from all texts at once."""
        found = getattr(self.encoding, "join", None)
        return None if found is None else lambda other: found(other.encoding)

    @property
    def full(self) -> bool:
        """Whether another is to join it before it counts more: they may come in any order."""
        return bool(getattr(self.encoding, "full", True))

    def learned(self) -> Tokens:
        """Number the tokens."""
        return self._shared.learned()

    def encode(self, values: Sequence[Raw]) -> Block:
        """The numbers of each text. Raises BadValues."""
        flat, lengths = self.encoding.encode_all(self._read(values))
        if self.max_length is not None:
            longer = (lengths > self.max_length).nonzero()[0].tolist()
            if longer:
                ending = f"tokens, more than max_length={self.max_length}"
                raise BadValues({row: f"{lengths[row]} {ending}" for row in longer})
        return Block(flat, lengths)

    def words(self, values: Sequence[Raw]) -> list[list[str]]:
        """The words of each text, of a level that has words, known or not. Raises BadValues."""
        assert isinstance(self.encoding, Words)
        return list(map(self.encoding.split, self._read(values)))

    def unknown(self, block: Block) -> int:
        """How many of the tokens are ones that training did not see often enough."""
        return 0 if self.encoding.unknown is None else int(np.count_nonzero(block.flat == self.encoding.unknown))

    def unseen(self, text: str) -> str | None:
        """The first word or character of a text that training did not see often enough; None where there is none."""
        if self.encoding.unknown is None:
            return None
        read = self._normal(text)
        pieces = self.encoding.split(read) if isinstance(self.encoding, Words) else list(read)
        numbers = self.encoding.encode_all([read])[0].tolist()
        return next((piece for piece, one in zip(pieces, numbers, strict=True) if one == self.encoding.unknown), None)

    def decode(self, entry: Any) -> str:
        """The text of numbers [time]."""
        text = self.encoding.decode(np.atleast_1d(np.asarray(entry)).tolist())
        return text.removeprefix(" ") if self.level == "words" else text

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return {
            "kind": "text",
            "level": self.level,
            "lower": self.lower,
            "normalise": self.normalise,
            "strip": self._stripped,
            "punctuation": bool(self._options.get("punctuation")),
            "line_ends": bool(self._options.get("line_ends")),
            "streams": self._streams,
            "max_length": self.max_length,
            "names": list(self.encoding.names),
            "merges": self.encoding.merges if isinstance(self.encoding, BytePairs) else [],
        }

    def state(self) -> dict[str, Any]:
        """The level and the tokens."""
        return {"level": self.level, "tokens": self.encoding.state()}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed or of another level."""
        if not isinstance(state, dict) or state.keys() != {"level", "tokens"}:
            raise DataError("the stored vocabulary does not say its level and its tokens")
        if state["level"] != self.level:
            raise DataError(f"the stored vocabulary is one of {state['level']}, but the field's level is {self.level}")
        self._shared.restore(state["tokens"])


class _Shared:
    """A vocabulary that one field has, or several."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self._space: Tokens | None = None

    def learned(self) -> Tokens:
        if self._space is None:
            self.encoding.learned()
        return self._known()

    def restore(self, tokens: Any) -> None:
        self.encoding.restore(tokens)
        self._known()

    def _known(self) -> Tokens:
        names = self.encoding.names
        unknown = self.encoding.unknown
        self._space = Tokens(names, 0 if unknown is None else len(names), unknown=unknown)
        return self._space
