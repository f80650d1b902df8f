"""Any of a few classes, of a row or of each step."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, ClassVar, Literal

import numpy as np

from seqnet.data.fields.field import Block, Raw, UnknownLabels
from seqnet.data.fields.label import ORDERS, unknown_labels
from seqnet.data.fields.options import chosen
from seqnet.data.fields.raw import Unusable, each, items, name
from seqnet.data.vocabulary import restore_names
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import Axis, Item, Kind
from seqnet.specs import Vector


class LabelsField:
    """Some classes a row, none as well as all, or some a step. Its classes are those of the training rows.

    A value is a list of labels, or text with `separator` between them: `urgent,billing`. axis: row, or step: a list of
    such. order: which class is 0: by the alphabet, by frequency, or by value. Raises ConfigurationError.
    """

    opens_files: ClassVar[bool] = False

    def __init__(
        self,
        separator: str = ",",
        axis: Literal["row", "step"] = "row",
        order: Literal["alphabet", "frequency", "value"] = "alphabet",
    ) -> None:
        chosen("axis", axis, ("row", "step"))
        chosen("order", order, tuple(ORDERS))
        if not separator:
            raise ConfigurationError("data.fields.*.separator is empty; it must be what stands between two labels")
        self._separator = separator if separator.strip() else None
        self._axis, self._order = Axis(axis), ORDERS[order]
        self._counts = Counter[str]()
        self._seen = 0  # entries
        self._know(())

    def _know(self, names: tuple[str, ...], shares: tuple[float, ...] = ()) -> Vector:
        self.names = names
        self._numbers = {label: number for number, label in enumerate(names)}
        self._shares = shares
        return Vector(len(names), names, shares=shares)

    @property
    def kind(self) -> Kind:
        """Labels, of a row or a step."""
        return Kind(Item.LABELS, self._axis)

    def _steps(self, value: Raw) -> list[list[str]]:
        """The labels of each step, of a row as if it were one. Raises Unusable."""
        if self._axis is Axis.ROW:
            return [self._set(value)]
        steps = items(value)
        if not steps:
            raise Unusable("there are no steps")
        return list(map(self._set, steps))

    def _set(self, value: Raw) -> list[str]:
        if value is None:
            raise Unusable("the labels are missing; an empty list or text says that there are none")
        found = items(value, self._separator)
        return [name(label) for label in found if not (isinstance(label, str) and not label.strip())]

    def observe(self, values: Sequence[Raw]) -> None:
        """Count the labels of training rows. Raises BadValues."""
        for row in each(values, self._steps):
            self._seen += len(row)
            for labels in row:
                self._counts.update(set(labels))

    def join(self, other: "LabelsField") -> None:
        """Count what another was shown."""
        self._seen += other._seen
        self._counts.update(other._counts)

    def learned(self) -> Vector:
        """Number the labels."""
        if not self._counts:
            return self._know(self.names, self._shares)
        names = tuple(self._order(self._counts))
        return self._know(names, tuple(self._counts[name] / self._seen for name in names))

    def encode(self, values: Sequence[Raw]) -> Block:
        """1 for each label that is there, [total classes] uint8. Raises BadValues, and UnknownLabels."""
        rows = each(values, self._steps)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        flat = np.zeros((int(lengths.sum()), len(self.names)), np.uint8)
        steps = list(chain.from_iterable(rows))
        numbers = [self._numbers.get(label, -1) for labels in steps for label in labels]
        columns = np.array(numbers, np.int64)
        places = np.repeat(np.arange(len(steps)), np.fromiter(map(len, steps), np.int64, len(steps)))
        known = columns >= 0
        flat[places[known], columns[known]] = 1
        if not known.all():
            named = [list(chain.from_iterable(row)) for row in rows]
            raise UnknownLabels(unknown_labels("label", named, self._numbers), Block(flat, lengths))
        return Block(flat, lengths)

    def decode(self, entry: Any) -> list[Any]:
        """The labels of one entry [classes], or a list of them for each step of a row [steps classes]."""
        there = np.asarray(entry)
        found = [[self.names[number] for number in one.nonzero()[0]] for one in there.reshape(-1, len(self.names))]
        return found[0] if there.ndim == 1 or self._axis is Axis.ROW else found

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return {
            "kind": "labels",
            "names": list(self.names),
            "axis": "row" if self._axis is Axis.ROW else "step",
            "separator": self._separator,
        }

    def state(self) -> dict[str, Any]:
        """The labels, and the share of what was seen that has each."""
        return {"labels": list(self.names), "shares": list(self._shares)}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        if isinstance(state, list):  # an earlier seqnet's
            state = {"labels": state, "shares": []}
        if not isinstance(state, dict) or state.keys() != {"labels", "shares"}:
            raise DataError("the stored data state is not that of labels")
        names, shares = restore_names(state["labels"], "labels"), state["shares"]
        if not isinstance(shares, list) or (shares and [type(share) for share in shares] != [float] * len(names)):
            raise DataError("the stored data state does not say what share of training has each label")
        self._know(names, tuple(shares))
