"""What a step of an input or an item of a target is: one of a list of names, a vector of numbers, a picture's row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from seqnet.kinds import Axis


@dataclass(frozen=True)
class Tokens:
    """One of `names`; in tensors, its place in that list (int64).

    ranked: how many of them, from the first on, stand by falling frequency in the training split, but for a few
    special ones; those behind are frequent. 0 = their order says nothing.
    """

    names: tuple[str, ...]
    ranked: int = 0
    axis: Axis = Axis.STEP
    commonest: int | None = None  # of classes: the place of the one that training has most of, where it is known
    counts: tuple[int, ...] = ()  # of classes: how often training has each, where it is known
    blank: bool = False  # the first name is any of the others: one-hot it is 0 throughout
    unknown: int | None = None  # the place of the one that is read for all that is none of them

    @property
    def size(self) -> int:
        """How many names there are."""
        return len(self.names)


@dataclass(frozen=True)
class Scale:
    """How numbers were scaled: less `centre`, over `deviation`, column by column; log: their logarithms were."""

    centre: tuple[float, ...]
    deviation: tuple[float, ...]
    log: bool = False

    def undo(self, values: Tensor) -> Tensor:
        """Scaled numbers [... size] in the file's own units, in double precision."""
        like = values.double()
        found = like * like.new_tensor(self.deviation) + like.new_tensor(self.centre)
        return found.exp() if self.log else found


@dataclass(frozen=True)
class Vector:
    """`size` numbers (float32), each called by its name where `names` are given.

    scale: None = in the file's units. digits: how many significant ones each is told with; empty: 6.
    """

    size: int
    names: tuple[str, ...] = ()
    axis: Axis = Axis.STEP
    scale: Scale | None = None
    digits: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()  # of labels: the share of training items that has each, where it is known

    def rounded(self, values: Sequence[float]) -> list[float]:
        """The numbers of one item with as many digits as are told."""
        return [
            float(f"{value:.{digits}g}") for value, digits in zip(values, self.digits or [6] * self.size, strict=True)
        ]


@dataclass(frozen=True)
class Frame(Vector):
    """A picture at each step: `height` x `width` values, `channels` of each pixel side by side, as one vector."""

    height: int = 1
    width: int = 1
    channels: int = 1

    @classmethod
    def of(cls, image: "Image", axis: Axis) -> "Frame":
        """A picture that is one of a sequence."""
        size = image.height * image.size
        return cls(size, axis=axis, height=image.height, width=image.width, channels=image.channels)


@dataclass(frozen=True)
class Spelling:
    """The first `most` letters of each step's word; in tensors, their places in `names`, 0 behind the last one."""

    names: tuple[str, ...]
    most: int
    axis: Axis = Axis.STEP

    @property
    def size(self) -> int:
        """How many names there are."""
        return len(self.names)


@dataclass(frozen=True)
class Image:
    """A picture read as a whole: `height` steps of `width` grey values (float32), or of `width` x `channels` values."""

    height: int
    width: int
    channels: int = 1
    axis: Axis = Axis.GRID

    @property
    def size(self) -> int:
        """Numbers a step."""
        return self.width * self.channels

    @property
    def regions(self) -> tuple[int, int]:
        """Rows and columns of the regions that attention tells apart: 2 x 2 values each, at an odd end what is left."""
        return (self.height + 1) // 2, (self.width + 1) // 2


Spec = Tokens | Vector | Spelling | Image


class Grammar(Protocol):
    """Which tokens may follow what was written. What it knows of each row is a state: tensors, row by row."""

    def begin(self, words: Tensor) -> Any: ...  # words: how long what each row reads is, [rows]
    def read(self, state: Any, tokens: Tensor) -> Any: ...  # after one token more of each row, [rows]
    def allowed(self, state: Any, left: int) -> Tensor: ...  # [rows vocab] bool; left: steps, that of the end counted


@dataclass(frozen=True)
class Writing:
    """How a decoder writes: what it reads first, what ends a sequence, what it never writes, how long it may be.

    begin None: it writes numbers, and first reads zeros. end None: every sequence has `longest` steps. grammar: what
    is written obeys it.
    """

    begin: int | None
    end: int | None
    forbidden: tuple[int, ...]
    longest: int  # steps of the longest training target, its end included
    grammar: Grammar | None = None
