"""The English text of Python's own reference, which every Python has in its standard library."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqnet.data.encoding import Level, least_size
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.data.fields.text import TextField
from seqnet.data.numbers import steps_without_targets
from seqnet.data.vocabulary import check_limits
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import NEXT, SHARED, Axis, Item, Kind
from seqnet.options import Count, SomeShare
from seqnet.specs import Spec, Tokens


class PythonDocs:
    """The topics that Python's `help()` knows, for a language model: at each token, which one is next?

    The last share is held out. A paragraph that occurs more than once (white space aside) is kept where it occurs
    first, so that nothing held out was trained on. level, lower, vocabulary_size, min_count: see TextField. Raises
    ConfigurationError.
    """

    running = True
    bad_rows = 0
    inputs: Tokens
    targets: Tokens

    def __init__(
        self,
        level: Level = "characters",
        lower: bool = False,
        vocabulary_size: Count | None = None,
        min_count: Count = 1,
        valid_share: SomeShare = 0.1,
    ) -> None:
        check_limits(vocabulary_size, min_count, least_size(level, line_ends=True))
        self._text = TextField(level, lower=lower, vocabulary_size=vocabulary_size, min_count=min_count)
        self._text.stream()
        if not 0 < valid_share < 1:
            raise ConfigurationError(f"data.valid_share is {valid_share}; it must be above 0 and below 1")
        self.valid_share = valid_share
        self.input_kinds = {"inputs": Kind(Item.TOKEN, Axis.STEP, self._text.kind.traits | {SHARED})}
        self.target_kind = Kind(Item.TOKEN, Axis.STEP, self._text.kind.traits | {NEXT})
        self.views: dict[str, Spec] = {}

    def documents(self, name: str) -> list[str] | None:
        """The text of a split; there is no test split."""
        if name == "test":
            return None
        kept = unique_paragraphs(topics())
        held_out = kept[first_held_out(kept, self.valid_share) :]
        return [join(held_out if name == "valid" else kept[: len(kept) - len(held_out)])]

    def fit(self) -> None:
        """Learn the tokens from the training split."""
        texts = self.documents("train")
        assert texts is not None
        self._text.observe(texts)
        self._know()

    def _know(self) -> None:
        self.inputs = self.targets = self._text.learned()

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return self._text.state()

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        self._text.restore(state)
        self._know()

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        text = self._text.exported()
        first = {"name": "inputs", "column": "inputs", "role": "first", "reads": text}
        return {"asks": "next", "lines": "text", "inputs": [first], "writes": text, "forbidden": list(self.forbidden)}

    def split(self, name: str) -> Stream | None:
        """The tokens of `train` or `valid`; None for `test`."""
        texts = self.documents(name)
        return None if texts is None else Stream(self._numbers(texts))

    def _numbers(self, texts: list[str]) -> Ragged:
        flat, lengths, _ = self._text.encode(texts)
        return Ragged(torch.from_numpy(flat), torch.from_numpy(np.concatenate([[0], lengths.cumsum()])))

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Tokens that are never to be generated."""
        return self._text.encoding.forbidden

    def encode(self, text: str) -> Tensor:
        """The tokens of a text, [time] int64."""
        return self._numbers([text]).flat.long()

    def decode(self, ids: Tensor) -> str:
        """The text of tokens [time]."""
        return self._text.encoding.decode(ids.tolist())

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a text of its own, nothing asked. Raises DataError for a line without a token.

        where, first: what the lines are read from, and the number of the first.
        """
        texts = list(lines)
        for number, text in enumerate(texts, first):
            if not text.strip():
                raise DataError(f"{where}, line {number}: there is no text; take the line out")
        return steps_without_targets(self._numbers(texts))

    def show(self, inputs: Tensor) -> str:
        """The text. inputs: [time]."""
        return self.decode(inputs)


def topics() -> list[str]:
    """The texts by the order of their names."""
    from pydoc_data.topics import topics as found

    return [found[name] for name in sorted(found)]


def unique_paragraphs(texts: Iterable[str]) -> list[str]:
    """The paragraphs (between blank lines) of all texts, each where it occurs first."""
    kept: dict[str, str] = {}
    for text in texts:
        lines: list[str] = []
        for line in [*text.splitlines(), ""]:
            if line.strip():
                lines.append(line.rstrip())
            elif lines:
                paragraph = "\n".join(lines)
                kept.setdefault(" ".join(paragraph.split()), paragraph)
                lines = []
    return list(kept.values())


def first_held_out(paragraphs: list[str], share: float) -> int:
    """The number of the paragraph at which the last `share` of the characters begins."""
    total = sum(map(len, paragraphs))
    read = 0
    for number, paragraph in enumerate(paragraphs):
        if read >= total * (1 - share):
            return number
        read += len(paragraph)
    return len(paragraphs) - 1


def join(paragraphs: list[str]) -> str:
    """One text, blank lines between."""
    return "\n\n".join(paragraphs) + "\n"
