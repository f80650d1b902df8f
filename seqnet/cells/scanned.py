"""A cell that knows how to go through a whole sequence at once."""

from typing import Any, Protocol, TypeGuard

from torch import Tensor


class Scanned(Protocol):
    """A cell with the method `scan` beside its step: the same numbers, sooner."""

    hidden_size: int

    def __call__(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One step. x: [batch input]; returns the output [batch hidden] and the new state."""

    def scan(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All steps of x [batch time input] from `state`: the outputs [batch time hidden] and the states after each.

        These are a state whose tensors are [batch time ...]. No step may hear a later one: x is 0 behind a row's end,
        and of what is computed there nothing is used.
        """


STEPS = ("forward", "step", "project", "__call__")


def is_scanned(cell: object) -> TypeGuard[Scanned]:
    """Whether a cell has a `scan` of its own step: a subclass that replaces the step computes something else."""
    classes = type(cell).__mro__

    def depth(name: str) -> int:
        return next((place for place, one in enumerate(classes) if name in vars(one)), len(classes))

    found = depth("scan")
    return found < len(classes) and all(found <= depth(name) for name in STEPS if depth(name) < len(classes))
