"""Text to token numbers and back, by characters, words or byte pairs, learned and encoded in blocks."""

import json
import re
import unicodedata
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from seqnet.data.vocabulary import LINE_END, UNKNOWN, Vocabulary, smallest
from seqnet.errors import ConfigurationError, DataError

BYTES = 256
PIECE = 1 << 20  # characters that are worked on at a time: what is made of them on the way is many times as large
SPOOLED = 1 << 24  # bytes of text that wait in memory until byte pairs are learned; more wait in a file
PAIRS = 8000  # entries of a byte-pair vocabulary of which no size is said
SPACE = re.compile(r"\s")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Encoding(Protocol):
    """A level: `observe` is called with block after block of texts, then `learned` once, then the others.

    forbidden: numbers that stand for no text of their own, never to be generated. unknown: the number of what
    training did not see, None where there is no such thing. encode_all: numbers end to end, in the smallest type
    that holds them, and how many each text has.
    """

    names: tuple[str, ...]
    forbidden: tuple[int, ...]
    unknown: int | None

    def observe(self, texts: Sequence[str]) -> None: ...
    def learned(self) -> None: ...
    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def state(self) -> Any: ...
    def restore(self, state: Any) -> None: ...  # raises DataError


class Characters:
    """One number a character (a Unicode code point)."""

    special: ClassVar = (UNKNOWN,)
    unknown: int | None = 0
    forbidden: tuple[int, ...] = (0,)
    names: tuple[str, ...]

    def __init__(self, size: int | None, min_count: int) -> None:
        self._size, self._min_count = size, min_count
        self._counts = np.zeros(BYTES, np.int64)  # by code point, as far as one was seen

    def observe(self, texts: Sequence[str]) -> None:
        """Count the characters."""
        for points in code_points(texts):
            found = np.bincount(points)
            if len(found) > len(self._counts):
                self._counts, found = found, self._counts
            self._counts[: len(found)] += found

    def learned(self) -> None:
        """Number the characters."""
        counts = Counter({chr(point): int(self._counts[point]) for point in self._counts.nonzero()[0].tolist()})
        self._know(Vocabulary.build(counts, self.special, self._size, self._min_count))

    def _know(self, vocabulary: Vocabulary) -> None:
        self.names = vocabulary.names
        points = [ord(name) for name in self.names[1:]]
        self._numbers = np.zeros(0x110000, smallest(len(self.names)))
        self._numbers[points] = np.arange(1, len(self.names))

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """See Encoding."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        flat = np.empty(int(lengths.sum()), self._numbers.dtype)
        for begin, points in zip(range(0, len(flat), PIECE), code_points(texts), strict=True):
            np.take(self._numbers, points, out=flat[begin : begin + len(points)], mode="clip")
        return flat, lengths

    def decode(self, ids: Sequence[int]) -> str:
        """The characters, an unknown one as U+FFFD."""
        return "".join(REPLACEMENT if number == self.unknown else self.names[number] for number in ids)

    def state(self) -> list[str]:
        """The vocabulary."""
        return list(self.names)

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError."""
        vocabulary = Vocabulary.restore(state, self.special)
        if any(len(name) != 1 for name in vocabulary.names[1:]):
            raise DataError("the stored vocabulary holds entries that are no characters")
        self._know(vocabulary)


def code_points(texts: Sequence[str]) -> Iterator[np.ndarray]:
    """The code points of texts end to end, PIECE at a time, uint32."""
    text = "".join(texts)
    for begin in range(0, len(text), PIECE):
        yield np.frombuffer(text[begin : begin + PIECE].encode("utf-32-le", "surrogatepass"), np.uint32)


def batched(texts: Iterable[str], cut: Callable[[str], Iterable[str]]) -> Iterator[tuple[list[int], list[str]]]:
    """The pieces that `cut` makes of texts, about PIECE characters at a time, and which text each is of."""
    rows, pieces, size = list[int](), list[str](), 0
    for row, text in enumerate(texts):
        for piece in cut(text):
            rows.append(row)
            pieces.append(piece)
            size += len(piece)
            if size >= PIECE:
                yield rows, pieces
                rows, pieces, size = [], [], 0
    if pieces:
        yield rows, pieces


def whole_words(text: str) -> Iterator[str]:
    """A text in pieces of about PIECE characters that end where a word does."""
    begin = 0
    while len(text) - begin > PIECE:
        space = SPACE.search(text, begin + PIECE)
        end = space.end() if space else len(text)
        yield text[begin:end]
        begin = end
    yield text[begin:] if begin else text


def lines(text: str) -> list[str]:
    """The lines of a text, their ends with them."""
    return text.splitlines(keepends=True)


class Parting(dict[int, str]):
    """For str.translate: a space on either side of each punctuation mark and symbol."""

    def __missing__(self, point: int) -> str:
        letter = chr(point)
        self[point] = f" {letter} " if unicodedata.category(letter)[0] in "PS" else letter
        return self[point]


class Words:
    """One number for each piece between white space.

    punctuation: each punctuation mark and symbol is a word of its own. line_ends: so is the end of a line, `<eos>`,
    as the Penn Treebank's language models are scored.
    """

    unknown: int | None = 0
    forbidden: tuple[int, ...] = (0,)

    def __init__(self, size: int | None, min_count: int, punctuation: bool = False, line_ends: bool = False) -> None:
        self._size, self._min_count = size, min_count
        self._parting = Parting() if punctuation else None
        self.line_ends = line_ends
        self.special = (UNKNOWN, LINE_END) if line_ends else (UNKNOWN,)
        self._counts = Counter[str]()
        self.vocabulary = Vocabulary(self.special)

    @property
    def names(self) -> tuple[str, ...]:
        """Every word, in the order of its number."""
        return self.vocabulary.names

    def split(self, text: str) -> list[str]:
        """The words of a text."""
        if self._parting is not None:
            text = text.translate(self._parting)
        if self.line_ends:
            text = text.replace("\n", f" {LINE_END} ")
        return text.split()

    @property
    def _splitter(self) -> Callable[[str], list[str]]:
        """As `split`, and quicker where white space is all there is to it."""
        return self.split if self._parting is not None or self.line_ends else str.split

    def _pieces(self, texts: Sequence[str]) -> Iterable[tuple[Sequence[int], Sequence[str]]]:
        """Texts that are not too much to be worked on at a time, and which each is of."""
        if sum(map(len, texts)) <= PIECE:
            return [(range(len(texts)), texts)]
        return batched(texts, whole_words)

    def observe(self, texts: Sequence[str]) -> None:
        """Count the words."""
        for _, pieces in self._pieces(texts):
            self._counts.update(chain.from_iterable(map(self._splitter, pieces)))

    def learned(self) -> None:
        """Number the words."""
        self.vocabulary = Vocabulary.build(self._counts, self.special, self._size, self._min_count)
        self._counts = Counter()

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """See Encoding."""
        flats, lengths = [np.zeros(0, smallest(len(self.names)))], np.zeros(len(texts), np.int64)
        for rows, pieces in self._pieces(texts):
            flat, counts = self.vocabulary.encode_all(list(map(self._splitter, pieces)))
            flats.append(flat)
            np.add.at(lengths, rows, counts)
        return np.concatenate(flats), lengths

    def decode(self, ids: Sequence[int]) -> str:
        """The words, a space before each but at the beginning of a line, so that texts can be put end to end."""
        words = self.vocabulary.decode(ids)
        if not self.line_ends:
            return "".join(f" {word}" for word in words)
        text = ""
        for word in words:
            text += "\n" if word == LINE_END else word if text.endswith("\n") else f" {word}"
        return text

    def state(self) -> list[str]:
        """The vocabulary."""
        return self.vocabulary.state()

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError."""
        self.vocabulary = Vocabulary.restore(state, self.special)


class Pairs:
    """Byte-pair encoding of UTF-8 bytes (Sennrich et al. 2016): no text is unknown, no token spans two lines."""

    unknown: int | None = None
    forbidden: tuple[int, ...] = ()
    names: tuple[str, ...]

    def __init__(self, size: int | None, min_count: int) -> None:
        self._size, self._min_count = size, min_count
        self._spool: SpooledTemporaryFile[bytes] | None = None
        self._lengths: list[int] = []  # bytes of each text that waits

    def observe(self, texts: Sequence[str]) -> None:
        """Keep the texts. Raises OSError where the disk is full."""
        if self._spool is None:
            # The library learns from all texts at once, so they wait, where they are many in a file.
            self._spool = SpooledTemporaryFile(SPOOLED)
            weakref.finalize(self, self._spool.close)
        for text in texts:
            self._lengths.append(self._spool.write(text.encode()))

    def learned(self) -> None:
        """Join pairs of bytes."""
        library = _tokenizers()
        tokenizer = _byte_level(library.models.BPE())
        trainer = library.trainers.BpeTrainer(
            vocab_size=self._size or PAIRS,
            min_frequency=self._min_count,
            initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator((pieces for _, pieces in batched(self._kept(), lines)), trainer)
        self._know(tokenizer)

    def _kept(self) -> Iterator[str]:
        """The texts, once."""
        if self._spool is not None:
            self._spool.seek(0)
            yield from (self._spool.read(length).decode() for length in self._lengths)
            self._spool.close()
            self._spool, self._lengths = None, []

    def _know(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        numbered = sorted((number, name) for name, number in tokenizer.get_vocab().items())
        self.names = tuple(name for _, name in numbered)

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """See Encoding."""
        kind = smallest(len(self.names))
        flats, lengths = [np.zeros(0, kind)], np.zeros(len(texts), np.int64)
        for rows, pieces in batched(texts, lines):
            found = [line.ids for line in self._tokenizer.encode_batch_fast(pieces)]
            flats.append(np.fromiter(chain.from_iterable(found), kind))
            np.add.at(lengths, rows, list(map(len, found)))
        return np.concatenate(flats), lengths

    def decode(self, ids: Sequence[int]) -> str:
        """The text; bytes that are no whole character as U+FFFD."""
        return str(self._tokenizer.decode(list(ids)))

    def state(self) -> str:
        """The tokenizer as its library writes it."""
        return str(self._tokenizer.to_str())

    def restore(self, state: Any) -> None:
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
            self._know(_byte_level(library.models.BPE(vocab=vocabulary, merges=merges)))
        except Exception as error:  # the library raises bare Exception
            raise DataError(f"the stored tokenizer cannot be read ({error})") from error


def _byte_level(model: Any) -> Any:
    library = _tokenizers()
    tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    return tokenizer


def merged_pair(pair: Any) -> tuple[str, str]:
    """Two entries that are joined, as any version of the library writes them: a list of both, or with a space."""
    first, second = pair.split(" ") if isinstance(pair, str) else pair
    return str(first), str(second)


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ConfigurationError("level=bpe needs the package tokenizers: pip install 'seqnet[text]'") from error
    return tokenizers


LEVELS: dict[str, Any] = {"characters": Characters, "words": Words, "bpe": Pairs}
Level = Literal["characters", "words", "bpe"]


def least_size(level: str, line_ends: bool = False) -> int:
    """The smallest vocabulary of a level that can learn something."""
    return BYTES + 1 if level == "bpe" else 2 + (level == "words" and line_ends)
