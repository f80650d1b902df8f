"""What a step of an input or an item of a target is: one of a list of names, a vector of numbers, a picture's row."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tokens:
    """One of `names`; in tensors, its place in that list (int64).

    ranked: how many of them, from the first on, stand by falling frequency in the training split, but for a few
    special ones; those behind are frequent. 0 = their order says nothing.
    """

    names: tuple[str, ...]
    ranked: int = 0

    @property
    def size(self) -> int:
        """How many names there are."""
        return len(self.names)


@dataclass(frozen=True)
class Vector:
    """`size` numbers (float32), each called by its name where `names` are given."""

    size: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """A picture, read as a whole: `height` steps of `width` numbers (float32), or of `width` times `channels` of them.

    channels: 1 for grey values, 3 for red, green and blue.
    """

    height: int
    width: int
    channels: int = 1

    @property
    def size(self) -> int:
        """Numbers a step."""
        return self.width * self.channels

    @property
    def regions(self) -> tuple[int, int]:
        """Rows and columns of the regions that attention tells apart: 2 x 2 values each, at an odd end what is left."""
        return (self.height + 1) // 2, (self.width + 1) // 2


Space = Tokens | Vector | Image


@dataclass(frozen=True)
class Writing:
    """How a decoder writes: what it reads first, what ends a sequence, what it never writes, how long it may be.

    begin None: it writes numbers, and first reads zeros. end None: every sequence has `longest` steps.
    """

    begin: int | None
    end: int | None
    forbidden: tuple[int, ...]
    longest: int  # steps of the longest training target, its end included
