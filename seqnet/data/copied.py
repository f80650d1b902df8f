"""Words that are told as they stood in what was read, although no vocabulary has them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from seqnet.data.columns import offsets_of
from seqnet.data.examples import Ragged
from seqnet.kinds import ENDS, WORDS, Kind


class Copied:
    """A vocabulary, and behind it the words that it lacks, in the order in which they are met (See et al. 2017).

    names: of the vocabulary, whose last two begin and end what is written, and are no words.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.size = len(names)
        self._names = list(names)
        self._numbers = {name: number for number, name in enumerate(names[:-2])}

    def number(self, word: str) -> int:
        """The number of a word, which is from now on kept."""
        found = self._numbers.setdefault(word, len(self._names))
        if found == len(self._names):
            self._names.append(word)
        return found

    def words(self, numbers: Iterable[int]) -> list[str]:
        """The words of numbers."""
        return [self._names[number] for number in numbers]

    def source(self, rows: Iterable[Sequence[str]]) -> Ragged:
        """The numbers of all words of rows."""
        return _ragged([list(map(self.number, row)) for row in rows])

    def targets(self, rows: Iterable[Sequence[str]]) -> Ragged:
        """The numbers of words that the vocabulary lacks, 0 of the others and of each row's end, as in padding."""
        found = [[number if number >= self.size else 0 for number in map(self.number, row)] for row in rows]
        return _ragged([[*row, 0] for row in found])


def misfit(source: Kind | None, target: Kind | None) -> str | None:
    """Why no word of a source can stand in the place of an unknown one, or None."""
    if target is not None and not {WORDS, ENDS} <= target.traits:
        return "decoding.replace_unknown=true replaces unknown words, and this run's answers are not made of words"
    if source is None or WORDS not in source.traits:
        return "decoding.replace_unknown=true copies words of the source, and this run's source is not made of words"
    return None


def no_copies(source: Any, model: Any) -> str | None:
    """Why a model, and what its data source reads and asks, cannot have words copied, or None."""
    sentence = misfit(next(iter(source.input_kinds.values()), None), source.target_kind)
    if sentence is None and getattr(model, "attention", None) is None:
        return "decoding.replace_unknown=true copies the word that attention looks at, and this run has attention=none"
    if sentence is None and hasattr(model.encoder.inputs, "shortened"):
        return "decoding.replace_unknown=true copies words, and this run's encoder makes one position of several"
    return sentence


def _ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    flat = [number for row in rows for number in row]
    return Ragged(torch.tensor(flat, dtype=torch.int64), offsets_of(np.array([len(row) for row in rows], np.int64)))
