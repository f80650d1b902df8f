"""What one step of an input or one item of a target is: one of a list of names, or a vector of numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tokens:
    """One of `names`; in tensors, its place in that list (int64)."""

    names: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many names there are."""
        return len(self.names)


@dataclass(frozen=True)
class Vector:
    """`size` numbers (float32), each called by its name where `names` are given."""

    size: int
    names: tuple[str, ...] = ()


Space = Tokens | Vector
