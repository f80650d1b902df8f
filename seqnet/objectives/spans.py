"""Entities in BIO tags, counted as conlleval does (Tjong Kim Sang & De Meulder 2003), and their F1."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

Span = tuple[str, int, int]  # type, first step, step after the last


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of one row of tags `B-X`, `I-X` and `O`.

    An entity begins at every B-X, and at an I-X that follows O, the row's beginning, or an entity of another
    type; it goes on over the I-X after it.
    """
    found: list[Span] = []
    kind, begin = "", 0
    inside = False
    for step, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if inside and not (prefix == "I" and name == kind):
            found.append((kind, begin, step))
            inside = False
        if prefix != "O" and not inside:
            kind, begin, inside = name, step, True
    return found


def right_of(decided: Sequence[int], wanted: Sequence[int], names: Sequence[str]) -> tuple[int, int, int]:
    """How many entities of a row are right, predicted and true. decided, wanted: ids of tags; names: of each id."""
    ours = set(spans([names[tag] for tag in decided]))
    theirs = set(spans([names[tag] for tag in wanted]))
    return len(ours & theirs), len(ours), len(theirs)


class EntityF1(Metric):
    """F1 over entities, micro: an entity is right where type, beginning and end are. names: the tag of each id.

    0 where there are no entities at all, neither true nor predicted.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    right: Tensor
    predicted: Tensor
    true: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = names
        for state in ("right", "predicted", "true"):
            self.add_state(state, default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, decisions: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> None:
        """Count whole rows, each a sequence of tag ids."""
        for decided, wanted in zip(decisions, targets, strict=True):
            right, predicted, true = right_of(decided, wanted, self.names)
            self.right += right
            self.predicted += predicted
            self.true += true

    def compute(self) -> Tensor:
        """2 * right / (predicted + true)."""
        return 2 * self.right / (self.predicted + self.true).clamp(min=1)
