"""What a decoder writes as unknown, replaced by the word of the source that attention looks at (Luong et al. 2015)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from seqnet.batch import WORDS, Batch
from seqnet.commands.vocabulary import lines_of_option
from seqnet.data.copied import no_copies
from seqnet.data.files import shown
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.decoding.incremental import Written
from seqnet.errors import ConfigurationError, DataError
from seqnet.specs import Writing


class Copying:
    """Puts the source word with the largest attention, the mean over heads, in the place of each unknown one.

    A word has its number in the source's `Copied`; scores stay what they are. dictionary: a UTF-8 file, `source TAB
    target` a line; a word that it has is written as it says. Raises ConfigurationError where nothing can be copied, and
    DataError for a file that is no dictionary.
    """

    def __init__(self, source: Any, model: Any, dictionary: str | None) -> None:
        sentence = no_copies(source, model)
        if sentence is not None:
            raise ConfigurationError(f"{sentence}: set decoding.replace_unknown=false")
        source.copy_words()
        self.source = source
        self._said = {} if dictionary is None else _read(dictionary)

    def writing(self, writing: Writing) -> Writing:
        """The same, where the unknown word may be written."""
        forbidden = tuple(token for token in writing.forbidden if token != self.source.unknown)
        return Writing(writing.begin, writing.end, forbidden, writing.longest, writing.grammar)

    def hypotheses(self, found: Sequence[Sequence[Hypothesis]], batch: Batch) -> list[list[Hypothesis]]:
        """What was written for the rows of a batch, with the words that were copied."""
        read = _words(batch)
        return [
            [one._replace(ids=self._ids(row, one.ids, one.looked or ())) for one in several]
            for row, several in zip(read, found, strict=True)
        ]

    def steps(self, steps: Iterable[Written], batch: Batch) -> Iterator[Written]:
        """The same of what is written step by step."""
        read = _words(batch)
        for one in steps:
            assert one.looked is not None
            each = zip(one.rows.tolist(), one.ids.tolist(), one.looked.tolist(), strict=True)
            ids = [self._ids(read[row], [token], [place])[0] for row, token, place in each]
            yield one._replace(ids=one.ids.new_tensor(ids))

    def _ids(self, read: Sequence[int], ids: Sequence[int], looked: Sequence[int]) -> list[int]:
        pairs = zip(ids, looked, strict=True)
        return [self._copied(read[place]) if token == self.source.unknown else token for token, place in pairs]

    def _copied(self, number: int) -> int:
        (word,) = self.source.copied.words([number])
        found: int = self.source.copied.number(self._said[word]) if word in self._said else number
        return found


def _words(batch: Batch) -> list[list[int]]:
    """The numbers of the words that each row reads."""
    read: Tensor = batch.wholes[WORDS].values
    return [list(map(int, row)) for row in read.tolist()]


def _read(path: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for number, line in lines_of_option(path, "dictionary", "`source TAB target` a line"):
        word, tab, other = line.partition("\t")
        if not (tab and word.strip() and other.strip()) or "\t" in other:
            raise DataError(f"{path}, line {number}: it must be a source word, a tab and a target word")
        word, other = word.strip(), other.strip()
        if found.setdefault(word, other) != other:
            raise DataError(f"{path}, line {number}: '{shown(word)}' is written otherwise in a line before")
    if not found:
        raise DataError(f"{path}: holds no word; decoding.dictionary takes `source TAB target` a line")
    return found
