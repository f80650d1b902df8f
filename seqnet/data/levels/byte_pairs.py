"""One number for bytes that often stand together."""

import json
import weakref
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np

from seqnet.data.levels.cutting import batched, lines
from seqnet.data.temporary import on_temporary
from seqnet.data.vocabulary import smallest
from seqnet.errors import ConfigurationError, DataError

BYTES = 256
SPOOLED = 1 << 24  # bytes of text that wait in memory until byte pairs are learned; more wait in a file
PAIRS = 8000  # entries of a byte-pair vocabulary of which no size is said


class BytePairs:
    """Byte-pair encoding of UTF-8 bytes (Sennrich et al. 2016): no text is unknown, no token spans two lines."""

    unknown: int | None = None
    forbidden: tuple[int, ...] = ()
    names: tuple[str, ...]

    def __init__(self, size: int | None, min_count: int) -> None:
        self._size, self._min_count = size, min_count
        self._spool: SpooledTemporaryFile[bytes] | None = None
        self._lengths = array("q")  # bytes of each text that waits

    def observe(self, texts: Sequence[str]) -> None:
        """Keep the texts. Raises DiskError where the disk is full."""
        if self._spool is None:
            # The library learns from all texts at once, so they wait, where they are many in a file.
            self._spool = SpooledTemporaryFile(SPOOLED)
            weakref.finalize(self, self._spool.close)
        with on_temporary():
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
            self._spool, self._lengths = None, array("q")

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

    @property
    def merges(self) -> list[tuple[str, str]]:
        """The entries that are joined, the first ones first."""
        return [merged_pair(pair) for pair in json.loads(self.state())["model"]["merges"]]

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
