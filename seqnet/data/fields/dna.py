"""DNA as its letters, one a step."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqnet.data.fields.field import Block, Raw, Vary
from seqnet.data.fields.raw import Unusable, each, told
from seqnet.errors import DataError
from seqnet.kinds import Axis, Item, Kind
from seqnet.specs import Tokens

NAMES = ("N", "A", "C", "G", "T")  # in this order, since 0 is what a one-hot encoder and padding know nothing of
READ = {**{letter: number for number, letter in enumerate(NAMES)}, "U": NAMES.index("T")}
SHOWN = 60  # letters of a long row


class DnaField:
    """A sequence of the letters A, C, G, T and N, which is any of them; in lower case too, and U is read as T.

    both_strands: in training, half of the rows of each batch are read on the other strand: from their end, each letter
    as the one that it pairs with. A row with another letter is a bad row. It learns nothing.
    """

    opens_files: ClassVar[bool] = False

    def __init__(self, both_strands: bool = False) -> None:
        self.vary: Vary | None = other_strand if both_strands else None
        self.reorders = True

    @property
    def kind(self) -> Kind:
        """A token a step."""
        return Kind(Item.TOKEN, Axis.STEP)

    def _numbers(self, value: Raw) -> np.ndarray:
        if not isinstance(value, str) or not value.strip():
            raise Unusable("the sequence is missing" if not isinstance(value, str) else "there are no letters")
        letters = value.strip().upper()
        wrong = next((place for place, letter in enumerate(letters) if letter not in READ), None)
        if wrong is not None:
            raise Unusable(f"letter {wrong + 1}: {told(value.strip()[wrong])} is none of A, C, G, T, U and N")
        return np.fromiter(map(READ.__getitem__, letters), np.uint8, len(letters))

    def observe(self, values: Sequence[Raw]) -> None:
        """Look whether they can be read. Raises BadValues."""
        each(values, self._numbers)

    def join(self, other: "DnaField") -> None:
        """Nothing is learned."""

    def learned(self) -> Tokens:
        """The letters."""
        return Tokens(NAMES, blank=True)

    def encode(self, values: Sequence[Raw]) -> Block:
        """The number of each letter, 0 for N. Raises BadValues."""
        rows = each(values, self._numbers)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return Block(np.concatenate([np.zeros(0, np.uint8), *rows]), lengths)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return {"kind": "alphabet", "names": list(NAMES), "also": {"U": "T"}}

    def decode(self, entry: Any) -> str:
        """The letters of numbers."""
        return "".join(NAMES[number] for number in np.atleast_1d(np.asarray(entry)).tolist())

    def show(self, entry: Any) -> str:
        """The first letters. entry: [steps]."""
        text = self.decode(entry)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} letters)"

    def state(self) -> None:
        """Nothing is learned."""

    def restore(self, state: Any) -> None:
        """Take nothing back. Raises DataError where there is something."""
        if state is not None:
            raise DataError("the stored data state holds something for a field of DNA, which learns nothing")


def other_strand(values: Tensor, lengths: Tensor, random: torch.Generator) -> Tensor:
    """Letters [batch time], half of the rows drawn reversed within their lengths [batch], each letter its partner."""
    turned = torch.rand(len(values), generator=random) < 0.5
    steps = torch.arange(values.shape[1])
    places = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    partners = torch.where(values > 0, len(NAMES) - values, values)  # A is 1 and T 4, C 2 and G 3
    return torch.where(turned[:, None], partners.gather(1, places), values)
