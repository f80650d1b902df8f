"""What the sources of running text share: they differ in where their documents come from."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from seqnet.data.encoding import TextEncoder, ragged
from seqnet.data.examples import Examples, Stream
from seqnet.data.numbers import unasked_steps
from seqnet.errors import DataError
from seqnet.kinds import NEXT, RANKED, SHARED, STREAM, Axis, Item, Kind
from seqnet.spaces import Space, Tokens


class RunningText(ABC):
    """Documents to be read from end to end: at each token, which one is next?"""

    running = True
    inputs: Tokens
    targets: Tokens

    input_kinds = {"inputs": Kind(Item.TOKEN, Axis.STEP, frozenset({STREAM, SHARED}))}

    def __init__(self, encoder: TextEncoder) -> None:
        ranked = () if encoder.level == "bpe" else (RANKED,)
        self.target_kind = Kind(Item.TOKEN, Axis.STEP, frozenset({STREAM, NEXT, *ranked}))
        self.encoder = encoder
        self.views: dict[str, Space] = {}
        self._streams: dict[str, Stream] = {}

    @abstractmethod
    def documents(self, name: str) -> list[str] | None:
        """The texts of a split; None where there is no such split. Raises DataError."""

    @property
    @abstractmethod
    def where(self) -> str:
        """What the text is read from, for messages."""

    @property
    def bad_rows(self) -> int:
        """How many rows were left out."""
        return 0

    def fit(self) -> None:
        """Learn the tokens from the training split. Raises DataError."""
        texts = self.documents("train")
        if not texts:
            raise DataError(
                f"{self.where}: there is no training text; name some with data.path=, and do not hold out all of it"
            )
        self.encoder.learn(texts)
        self._know()
        self._streams["train"] = self._stream("train", texts)

    def _know(self) -> None:
        self.inputs = self.targets = Tokens(self.encoder.names, self.encoder.ranked)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return self.encoder.state()

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        self.encoder.restore(state)
        self._know()

    def split(self, name: str) -> Stream | None:
        """The tokens of `train`, `valid` or `test`; None where there is no such split. Raises DataError."""
        if name not in self._streams:
            texts = self.documents(name)
            if texts is None:
                return None
            self._streams[name] = self._stream(name, texts)
        return self._streams[name]

    def _stream(self, name: str, texts: list[str]) -> Stream:
        stream = Stream(self.encoder.encode_all(texts))
        if not (stream.documents.lengths > 1).any():
            raise DataError(
                f"{self.where}: no document of the {name} split has two tokens, so there is nothing to predict; "
                "name more text with data.path="
            )
        return stream

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Tokens that are never to be generated."""
        return self.encoder.forbidden

    def encode(self, text: str) -> Tensor:
        """The tokens of a text, [time] int64."""
        return torch.from_numpy(self.encoder.encode(text))

    def decode(self, ids: Tensor) -> str:
        """The text of tokens [time]."""
        return self.encoder.decode(ids)

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a text of its own, nothing asked. Raises DataError for a line without a token.

        where, first: what the lines are read from, and the number of the first.
        """
        return unasked_steps(read_texts(self.encoder, lines, where, first))

    def show(self, inputs: Tensor) -> str:
        """The text. inputs: [time]."""
        return self.decode(inputs)


def read_texts(encoder: TextEncoder, lines: Iterable[str], where: str, first: int) -> Any:
    """The tokens of each line, as Ragged. Raises DataError for a line without any."""
    rows = []
    for number, line in enumerate(lines, first):
        if not line.strip():
            raise DataError(f"{where}, line {number}: there is no text; take the line out")
        rows.append(encoder.encode(line))
    return ragged(rows)
