"""Text to token numbers and back, by characters, words or byte pairs."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from seqnet.data.examples import Ragged
from seqnet.data.vocabulary import LINE_END, UNKNOWN, Vocabulary, check_limits
from seqnet.errors import ConfigurationError, DataError, did_you_mean

BYTES = 256
LARGE = 1 << 28  # bytes of token numbers that are held in memory
PAIRS = 8000  # entries of a byte-pair vocabulary of which no size is said
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Encoding(Protocol):
    """What a level knows. forbidden: numbers that stand for no text of their own, never to be generated."""

    names: tuple[str, ...]
    forbidden: tuple[int, ...]

    def encode(self, text: str) -> Sequence[int] | np.ndarray: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def state(self) -> Any: ...


class Characters:
    """One number a character (a Unicode code point)."""

    special: ClassVar = (UNKNOWN,)

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.names = vocabulary.names
        self.forbidden = (vocabulary.unknown,)
        points = [ord(name) for name in self.names[1:]]
        self._numbers = np.full(0x110000, vocabulary.unknown, np.int64)
        self._numbers[points] = np.arange(1, len(self.names))

    @classmethod
    def learn(cls, texts: Sequence[str], size: int | None, min_count: int) -> "Characters":
        """From the characters of the training texts."""
        counts = Counter[str]()
        for text in texts:
            counts.update(text)
        return cls(Vocabulary.build(counts, cls.special, size, min_count))

    @classmethod
    def restore(cls, state: Any) -> "Characters":
        """The inverse of `state`. Raises DataError."""
        vocabulary = Vocabulary.restore(state, cls.special)
        if any(len(name) != 1 for name in vocabulary.names[1:]):
            raise DataError("the stored vocabulary holds entries that are no characters")
        return cls(vocabulary)

    def encode(self, text: str) -> np.ndarray:
        """[time] int64."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        return self._numbers[points]

    def decode(self, ids: Sequence[int]) -> str:
        """The characters, an unknown one as U+FFFD."""
        return "".join(REPLACEMENT if number == self.vocabulary.unknown else self.names[number] for number in ids)

    def state(self) -> list[str]:
        """The vocabulary."""
        return self.vocabulary.state()


class Words:
    """One number for each piece between white space."""

    special: ClassVar[tuple[str, ...]] = (UNKNOWN,)

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.names = vocabulary.names
        self.forbidden = (vocabulary.unknown,)

    @classmethod
    def learn(cls, texts: Sequence[str], size: int | None, min_count: int) -> "Words":
        """From the words of the training texts."""
        counts = Counter(chain.from_iterable(map(cls.split, texts)))
        return cls(Vocabulary.build(counts, cls.special, size, min_count))

    @classmethod
    def restore(cls, state: Any) -> "Words":
        """The inverse of `state`. Raises DataError."""
        return cls(Vocabulary.restore(state, cls.special))

    @staticmethod
    def split(text: str) -> list[str]:
        """The words of a text."""
        return text.split()

    def encode(self, text: str) -> list[int]:
        """[time]."""
        return self.vocabulary.encode(self.split(text))

    def decode(self, ids: Sequence[int]) -> str:
        """The words, a space before each, so that texts can be put end to end."""
        return "".join(f" {word}" for word in self.vocabulary.decode(ids))

    def state(self) -> list[str]:
        """The vocabulary."""
        return self.vocabulary.state()


class WordsAndLineEnds(Words):
    """Words, and `<eos>` where a line ends, as the Penn Treebank's language models are scored."""

    special: ClassVar[tuple[str, ...]] = (UNKNOWN, LINE_END)

    @staticmethod
    def split(text: str) -> list[str]:
        """The words of a text, and its line ends."""
        return text.replace("\n", f" {LINE_END} ").split()

    def decode(self, ids: Sequence[int]) -> str:
        """The words, a space before each, and line ends."""
        text = ""
        for word in self.vocabulary.decode(ids):
            text += "\n" if word == LINE_END else word if text.endswith("\n") else f" {word}"
        return text


class Pairs:
    """Byte-pair encoding of UTF-8 bytes (Sennrich et al. 2016): no text is unknown, no token spans two lines."""

    forbidden: tuple[int, ...] = ()

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        numbered = sorted((number, name) for name, number in tokenizer.get_vocab().items())
        self.names = tuple(name for _, name in numbered)

    @classmethod
    def learn(cls, texts: Sequence[str], size: int | None, min_count: int) -> "Pairs":
        """From the lines of the training texts."""
        library = _tokenizers()
        tokenizer = cls._tokenizer(library.models.BPE())
        trainer = library.trainers.BpeTrainer(
            vocab_size=size or PAIRS,
            min_frequency=min_count,
            initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator((line for text in texts for line in text.splitlines(keepends=True)), trainer)
        return cls(tokenizer)

    @classmethod
    def restore(cls, state: Any) -> "Pairs":
        """The inverse of `state`. Raises DataError.

        Of what is stored the entries and merges alone are taken: a tokenizer can be told to pad to any length, or to
        search with any pattern.
        """
        library = _tokenizers()
        try:
            model = json.loads(state)["model"]
            vocabulary, merges = model["vocab"], [merged_pair(pair) for pair in model["merges"]]
            numbers_are_places = sorted(vocabulary.values()) == list(range(len(vocabulary)))
            if not numbers_are_places or any(part not in vocabulary for a, b in merges for part in (a, b, a + b)):
                raise ValueError("entries and merges do not go together")
            return cls(cls._tokenizer(library.models.BPE(vocab=vocabulary, merges=merges)))
        except Exception as error:  # the library raises bare Exception
            raise DataError(f"the stored tokenizer cannot be read ({error})") from error

    @staticmethod
    def _tokenizer(model: Any) -> Any:
        library = _tokenizers()
        tokenizer = library.Tokenizer(model)
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        return tokenizer

    def encode(self, text: str) -> list[int]:
        """[time]."""
        lines = self.tokenizer.encode_batch_fast(text.splitlines(keepends=True))
        return [number for line in lines for number in line.ids]

    def decode(self, ids: Sequence[int]) -> str:
        """The text; bytes that are no whole character as U+FFFD."""
        return str(self.tokenizer.decode(list(ids)))

    def state(self) -> str:
        """The tokenizer as its library writes it."""
        return str(self.tokenizer.to_str())


def merged_pair(pair: Any) -> tuple[str, str]:
    """Two entries that are joined, as any version of the library writes them: a list of both, or with a space."""
    first, second = pair.split(" ") if isinstance(pair, str) else pair
    return str(first), str(second)


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ConfigurationError("data.level=bpe needs the package tokenizers: pip install 'seqnet[text]'") from error
    return tokenizers


LEVELS: dict[str, Any] = {"characters": Characters, "words": Words, "bpe": Pairs}
Level = Literal["characters", "words", "bpe"]


class TextEncoder:
    """Text to numbers at one level, learned from the training split alone.

    level: characters, words or bpe. line_ends: words are told where lines end. vocabulary_size: how many entries
    at most, special ones counted; None for no limit (8000 for bpe). min_count: rarer tokens are unknown, rarer
    pairs not joined. lower: text is read in lower case. Raises ConfigurationError.
    """

    def __init__(
        self, level: str, lower: bool, vocabulary_size: int | None, min_count: int, line_ends: bool = False
    ) -> None:
        if level not in LEVELS:
            raise ConfigurationError(
                f"data.level must be {', '.join(LEVELS)}, not '{level}'{did_you_mean(level, LEVELS)}"
            )
        self.level = level
        self.lower = lower
        self.size = vocabulary_size
        self.min_count = min_count
        self._kind: Any = WordsAndLineEnds if level == "words" and line_ends else LEVELS[level]
        check_limits(vocabulary_size, min_count, BYTES + 1 if level == "bpe" else len(self._kind.special) + 1)
        self._encoding: Encoding | None = None

    @property
    def encoding(self) -> Encoding:
        """What was learned."""
        assert self._encoding is not None, "learn or restore first"
        return self._encoding

    def learn(self, texts: Sequence[str]) -> None:
        """Learn the tokens of the training texts."""
        self._encoding = self._kind.learn([self._as_read(text) for text in texts], self.size, self.min_count)

    def state(self) -> dict[str, Any]:
        """The level and what was learned."""
        return {"level": self.level, "tokens": self.encoding.state()}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed or of another level."""
        if not isinstance(state, dict) or state.keys() != {"level", "tokens"}:
            raise DataError("the stored vocabulary does not say its level and its tokens")
        if state["level"] != self.level:
            raise DataError(f"the stored vocabulary is one of {state['level']}, but data.level={self.level}")
        self._encoding = self._kind.restore(state["tokens"])

    @property
    def names(self) -> tuple[str, ...]:
        """Every entry, in the order of its number."""
        return self.encoding.names

    @property
    def ranked(self) -> int:
        """How many entries stand by falling frequency: all, but of byte pairs none, which stand as they were merged."""
        return 0 if self.level == "bpe" else len(self.names)

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Numbers that are never to be generated."""
        return self.encoding.forbidden

    def _as_read(self, text: str) -> str:
        return text.lower() if self.lower else text

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text, [time] int64."""
        return np.asarray(self.encoding.encode(self._as_read(text)), np.int64)

    def encode_all(self, texts: Sequence[str]) -> Ragged:
        """The numbers of each text."""
        return ragged(map(self.encode, texts))

    def decode(self, ids: Tensor) -> str:
        """The text of numbers [time]."""
        return self.encoding.decode(ids.tolist())


def ragged(rows: Iterable[np.ndarray]) -> Ragged:
    """Rows of numbers [time] int64 end to end, of which one is looked at after another.

    More than LARGE bytes of them are mapped from a file in the temporary folder, which ends with the process, so that
    they need no memory of their own. Raises OSError where the disk is full.
    """
    lengths = [0]
    with SpooledTemporaryFile(LARGE) as file:
        for row in rows:
            lengths.append(len(row))
            file.write(row.data)
        large = file.tell() > LARGE
        file.seek(0)
        # "c": what is written to the array is not written to the file.
        flat = np.memmap(file, np.int64, "c") if large else np.frombuffer(bytearray(file.read()), np.int64)
    return Ragged(torch.from_numpy(flat), torch.tensor(lengths).cumsum(0))
