"""The tables that objectives report beyond their scores: by class, by entity, by label, by column.

Each is fed row by row, or with numbers, and holds counts alone, so its memory does not grow with the data.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MOST = 10  # confusions
NEVER_SEEN = "(never seen)"  # a class that training did not have
Row = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """A row's answer beside what was wanted, as predictions say them, and its loss in nats an item.

    by_step: whether both are lists of what is said of each step; an answer for the whole row may be a list too.
    """

    wanted: Any
    found: Any
    loss: float
    by_step: bool = False

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """What was wanted and what was found, of a row of steps each that is asked."""
        if not self.by_step:
            yield self.wanted, self.found
            return
        yield from (
            (wanted, found) for wanted, found in zip(self.wanted, self.found, strict=True) if wanted is not None
        )


def scored(right: int, found: int, wanted: int) -> Row:
    """Precision, recall, F1 and support; a share of nothing is null."""
    return {
        "precision": right / found if found else None,
        "recall": right / wanted if wanted else None,
        "f1": 2 * right / (found + wanted) if found + wanted else None,
        "support": wanted,
    }


class Classes:
    """A row a class, and which was taken for which: what cost most first, by loss where a row is one item."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._counts = Counter[tuple[str, str]]()
        self._losses = defaultdict[tuple[str, str], float](float)
        self._by_loss = False

    def update(self, row: Judged) -> None:
        """Count a row."""
        self._by_loss = self._by_loss or not row.by_step
        for wanted, found in row.pairs():
            self._counts[wanted, found] += 1
            if self._by_loss:
                self._losses[wanted, found] += row.loss

    def rows(self) -> Iterator[Row]:
        """`classes`, then `confusions`."""
        wanted, found = Counter[str](), Counter[str]()
        for (one, other), count in self._counts.items():
            wanted[one] += count
            found[other] += count
        for name in dict.fromkeys([*self._names, *wanted]):
            if wanted[name] or found[name]:
                right = self._counts[name, name]
                yield {"table": "classes", "class": name, **scored(right, found[name], wanted[name])}
        wrong = {pair: count for pair, count in self._counts.items() if pair[0] != pair[1]}
        cost = self._losses if self._by_loss else wrong
        for pair in sorted(wrong, key=lambda pair: (-cost[pair], pair))[:MOST]:
            told = {"table": "confusions", "target": pair[0], "prediction": pair[1], "count": wrong[pair]}
            yield told | ({"loss": self._losses[pair] / wrong[pair]} if self._by_loss else {})


class Entities:
    """A row a type of entity: it is right where type, beginning and end are."""

    def __init__(self, spans: Callable[[Sequence[str]], Sequence[tuple[str, int, int]]]) -> None:
        self._spans = spans
        self._right, self._found, self._wanted = Counter[str](), Counter[str](), Counter[str]()

    def update(self, row: Judged) -> None:
        """Count the entities of a row of tags."""
        pairs = list(row.pairs())
        theirs = set(self._spans([wanted if wanted != NEVER_SEEN else "O" for wanted, _ in pairs]))
        ours = set(self._spans([found for _, found in pairs]))
        for counter, some in ((self._right, ours & theirs), (self._found, ours), (self._wanted, theirs)):
            counter.update(kind for kind, _, _ in some)

    def rows(self) -> Iterator[Row]:
        """`entities`, by type."""
        for kind in sorted(self._found.keys() | self._wanted.keys()):
            numbers = scored(self._right[kind], self._found[kind], self._wanted[kind])
            yield {"table": "entities", "type": kind, **numbers}


class Labels:
    """A row a label, of which any may be there."""

    def __init__(self, names: Sequence[Any]) -> None:
        self._names = names
        self._right, self._found, self._wanted = Counter[Any](), Counter[Any](), Counter[Any]()

    def update(self, row: Judged) -> None:
        """Count the labels of a row, or of each of its steps."""
        for wanted, found in row.pairs():
            self._right.update(set(wanted) & set(found))
            self._found.update(found)
            self._wanted.update(wanted)

    def rows(self) -> Iterator[Row]:
        """`labels`, those that occur."""
        for name in self._names:
            if self._found[name] or self._wanted[name]:
                numbers = scored(self._right[name], self._found[name], self._wanted[name])
                yield {"table": "labels", "label": name, **numbers}


class Numbers:
    """Errors in the units of the file, by column, and of a forecast by how many steps ahead it is.

    names: of the columns, or () where they have none. undo: from what a model gives to these units. point: of what it
    gives the one answer that is compared, [n horizon*columns].
    """

    def __init__(
        self,
        names: Sequence[str],
        horizon: int,
        undo: Callable[[Tensor], Tensor],
        point: Callable[[Tensor], Tensor] = lambda found: found,
    ) -> None:
        self._names, self._horizon, self._undo, self._point = names, horizon, undo, point
        self._sums: Tensor | None = None  # [3 horizon columns]: of errors, their absolute values, and their squares
        self._counts: Tensor | None = None

    def items(self, found: Tensor, wanted: Tensor) -> None:
        """Count n items. found: [n ...], as a model gives them; wanted: [n horizon*columns], in the same scale."""
        answers = self._point(found)
        given = self._undo(wanted.reshape_as(answers)).double().cpu()
        error = (self._undo(answers).double().cpu() - given).unflatten(1, (self._horizon, -1))
        known = ~error.isnan()
        error = error.nan_to_num(0.0)
        sums = torch.stack([error.sum(0), error.abs().sum(0), error.square().sum(0)])
        self._sums = sums if self._sums is None else self._sums + sums
        self._counts = known.sum(0) if self._counts is None else self._counts + known.sum(0)

    def update(self, row: Judged) -> None:
        """Nothing: numbers are counted before they are rounded."""

    def rows(self) -> Iterator[Row]:
        """`horizon`, of a forecast of several steps, and `columns`, where there are several."""
        if self._sums is None or self._counts is None:
            return
        columns = self._counts.shape[1]
        if self._horizon > 1:
            for step in range(self._horizon):
                yield {"table": "horizon", "step": step + 1, **self._told((step, slice(None)))}
        for column in range(columns) if columns > 1 else ():
            name = self._names[column] if self._names else str(column)
            yield {"table": "columns", "column": name, **self._told((slice(None), column))}

    def _told(self, where: Any) -> Row:
        assert self._sums is not None and self._counts is not None
        errors, absolute, squares = (float(each[where].sum()) for each in self._sums)
        count = max(int(self._counts[where].sum()), 1)
        return {"mae": absolute / count, "rmse": (squares / count) ** 0.5, "bias": errors / count}
