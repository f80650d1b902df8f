"""What the drawn data sets share in which an answer is written: texts of a few known tokens, read and written."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples, Ragged
from seqnet.data.files import shown
from seqnet.data.generation import Drawn
from seqnet.data.teacher_forcing import teacher_forcing, with_ends, without_targets, writing
from seqnet.errors import DataError
from seqnet.kinds import ENDS, Axis, Item, Kind
from seqnet.specs import Tokens, Writing


class Written(Drawn, ABC):
    """A data set drawn from the seed: a row is a text that is read, and the one that is to be written for it.

    The rows of a split are a pure function of (seed, options).
    """

    input_kinds = {"source": Kind(Item.TOKEN, Axis.SEQUENCE)}
    target_kind = Kind(Item.TOKEN, Axis.SEQUENCE, frozenset({ENDS}))
    between: str  # two tokens of a text: a space where they are words, nothing where they are characters
    readable: str  # what a line to be read must be, as an error says it
    source: Tokens
    inputs: Tokens
    targets: Tokens
    writing: Writing

    def know(self, read: Iterable[str], written: Iterable[str], longest: int) -> None:
        """Set the spaces: the tokens that are read, those that are written, and how many the longest answer has."""
        self.source = Tokens(tuple(read))
        self.inputs = self.targets = with_ends(tuple(written))
        self.writing = writing(self.targets, longest + 1)
        self._read = {name: number for number, name in enumerate(self.source.names)}
        self._written = {name: number for number, name in enumerate(self.targets.names)}

    @abstractmethod
    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`."""

    def pairs(self, sources: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]) -> Examples:
        """Examples of so many sources and their answers, each a sequence of tokens."""
        return teacher_forcing(_numbered(sources, self._read), _numbered(answers, self._written), self.writing)

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a source, nothing asked. Raises DataError with the place.

        where, first: what the lines are read from, and the number of the first.
        """
        rows = [self.read(line.strip(), f"{where}, line {number}") for number, line in enumerate(lines, first)]
        return without_targets(_numbered(rows, self._read), self.writing)

    def read(self, text: str, place: str) -> Sequence[str]:
        """The tokens of one source. Raises DataError where it is empty or holds a token that no source has."""
        tokens = self.tokens(text)
        if not tokens:
            raise DataError(f"{place}: the line is empty; give {self.readable}")
        unit = "number" if self.between else "character"
        for number, token in enumerate(tokens, 1):
            if token not in self._read:
                raise DataError(f"{place}, {unit} {number}: '{shown(token)}' cannot be read; give {self.readable}")
        return tokens

    def tokens(self, text: str) -> Sequence[str]:
        """A text cut into tokens."""
        return text.split() if self.between else text

    def text(self, ids: Sequence[int] | Tensor) -> str:
        """What target ids say, up to the first end."""
        names = self.targets.names[:-2]
        own = takewhile(lambda number: number != self.writing.end, map(int, ids))
        return self.between.join(names[number] for number in own if 0 <= number < len(names)).rstrip()

    def words(self, ids: Sequence[int] | Tensor) -> list[str]:
        """Each target token by itself, as the label of an axis."""
        return [self.targets.names[int(number)] for number in ids]

    def source_words(self, row: Tensor) -> list[str]:
        """Each token of a source by itself, as the label of an axis. row: [source_time]."""
        return [self.source.names[number] for number in row.tolist()]

    def encode_target(self, text: str) -> list[int]:
        """The ids of an answer, or of its beginning. Raises DataError where it holds a token that no answer has."""
        tokens = self.tokens(text)
        for token in tokens:
            if token not in self._written:
                known = self.between.join(self.targets.names[:-2])
                raise DataError(f"'{shown(text)}' can be no answer's beginning: '{shown(token)}' is none of {known}")
        return [self._written[token] for token in tokens]

    def _exported(self, **options: Any) -> dict[str, Any]:
        """What a subclass says of itself (see seqnet.exported). options: of how it cuts a line into tokens."""
        said = {"kind": "listed", "between": self.between, "readable": self.readable}
        source = {**said, "names": list(self.source.names), **options}
        first = {"name": "source", "column": "source", "role": "source", "reads": source}
        writes = {**said, "names": list(self.targets.names[:-2])}
        return {"asks": "text", "lines": "text", "inputs": [first], "writes": writes}

    def show(self, row: Tensor) -> str:
        """The text of a source. row: [source_time]."""
        return self.between.join(self.source_words(row))


def _numbered(rows: Sequence[Sequence[str]], numbers: dict[str, int]) -> Ragged:
    """The number of each token, rows end to end."""
    flat = torch.tensor([numbers[token] for row in rows for token in row], dtype=torch.int64)
    return Ragged(flat, torch.tensor([0, *map(len, rows)]).cumsum(0))


def integers(rows: int, longest: int, symbols: int, random: torch.Generator) -> Ragged:
    """Rows of 1 to `longest` whole numbers below `symbols`, lengths and numbers drawn uniformly."""
    lengths = torch.randint(1, longest + 1, (rows,), generator=random)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    return Ragged(torch.randint(symbols, (int(offsets[-1]),), generator=random), offsets)
