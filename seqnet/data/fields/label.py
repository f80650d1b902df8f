"""One of a few classes, of a row or of each step."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import chain, repeat
from typing import Any, ClassVar, Literal

import numpy as np

from seqnet.batch import IGNORE
from seqnet.data.fields.field import UNKNOWN_LABEL, Block, Raw, UnknownLabels
from seqnet.data.fields.options import chosen
from seqnet.data.fields.raw import Unusable, each, items, missing, name
from seqnet.data.files import shown
from seqnet.data.vocabulary import restore_names
from seqnet.errors import DataError, nearest
from seqnet.kinds import Axis, Item, Kind
from seqnet.specs import Tokens

ALIKE = 0.85  # of 1, from where on two names are taken for the same one, mistyped


def alphabet(counts: Mapping[str, int]) -> list[str]:
    """Names in the order of their code points."""
    return sorted(counts)


def by_frequency(counts: Mapping[str, int]) -> list[str]:
    """The commonest name first, those of one frequency by the alphabet."""
    return sorted(counts, key=lambda name: (-counts[name], name))


def by_value(counts: Mapping[str, int]) -> list[str]:
    """Names that are numbers from the least to the largest, others behind them by the alphabet."""
    return sorted(counts, key=lambda name: (0, float(name), name) if _is_number(name) else (1, 0.0, name))


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


ORDERS: dict[str, Callable[[Mapping[str, int]], list[str]]] = {
    "alphabet": alphabet,
    "frequency": by_frequency,
    "value": by_value,
}


class LabelField:
    """A class a row, or one a step: text, a whole number, true or false. Its classes are those of the training rows.

    axis: row, or step: a list of labels, or text with white space between them; None in it is a step of which nothing
    is asked. order: which class is 0: by the alphabet, by frequency, or by value (10 behind 9). Raises
    ConfigurationError.
    """

    opens_files: ClassVar[bool] = False

    def __init__(
        self,
        axis: Literal["row", "step"] = "row",
        order: Literal["alphabet", "frequency", "value"] = "alphabet",
    ) -> None:
        chosen("axis", axis, ("row", "step"))
        chosen("order", order, tuple(ORDERS))
        self._axis, self._order = Axis(axis), ORDERS[order]
        self._counts = Counter[Any]()
        self._commonest: str | None = None
        self._times: tuple[int, ...] = ()
        self._know(())

    def _know(self, names: tuple[str, ...]) -> Tokens:
        self.names = names
        commonest = max(names, key=self._counts.__getitem__, default=None) if self._counts else self._commonest
        self._commonest = commonest
        if self._counts:
            self._times = tuple(self._counts[name] for name in names)
        self._numbers: dict[str | None, int] = {None: IGNORE, **{label: number for number, label in enumerate(names)}}
        return Tokens(names, commonest=None if commonest is None else names.index(commonest), counts=self._times)

    @property
    def kind(self) -> Kind:
        """A label, of a row or a step."""
        return Kind(Item.LABEL, self._axis)

    def _labels(self, value: Raw) -> list[str | None]:
        """The labels of a row, None where nothing is asked. Raises Unusable."""
        if self._axis is Axis.ROW:
            return [name(value)]
        found = items(value)
        if not found:
            raise Unusable("there are no labels")
        return [None if missing(label) else name(label) for label in found]

    def _flat(self, values: Sequence[Raw]) -> tuple[list[str | None], np.ndarray]:
        """The labels of all rows end to end, and how many each has. Raises BadValues."""
        if self._axis is Axis.ROW and set(map(type, values)) == {str}:
            names: list[str | None] = list(map(str.strip, values))
            if all(names):
                return names, np.ones(len(names), np.int64)
        rows = each(values, self._labels)
        return list(chain.from_iterable(rows)), np.fromiter(map(len, rows), np.int64, len(rows))

    def observe(self, values: Sequence[Raw]) -> None:
        """Count the labels of training rows. Raises BadValues."""
        self._counts.update(self._flat(values)[0])

    def join(self, other: "LabelField") -> None:
        """Count what another was shown."""
        self._counts.update(other._counts)

    def learned(self) -> Tokens:
        """Number the labels."""
        del self._counts[None]
        return self._know(tuple(self._order(self._counts)) if self._counts else self.names)

    def encode(self, values: Sequence[Raw]) -> Block:
        """The number of each label, IGNORE where nothing is asked. Raises BadValues, and UnknownLabels."""
        labels, lengths = self._flat(values)
        kind = np.int16 if len(self.names) < 1 << 15 else np.int32  # with a sign, for IGNORE
        block = Block(np.fromiter(map(self._numbers.get, labels, repeat(UNKNOWN_LABEL)), kind), lengths)
        if (block.flat == UNKNOWN_LABEL).any():
            ends = lengths.cumsum().tolist()
            rows = [labels[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
            raise UnknownLabels(unknown_labels("label", rows, self._numbers), block)
        return block

    def decode(self, entry: Any) -> str | list[str | None] | None:
        """The label of a number, or those of a row of numbers; None where nothing is asked, or it is unknown."""
        ids = np.asarray(entry)
        found = [self.names[number] if number >= 0 else None for number in ids.reshape(-1).tolist()]
        return found[0] if ids.ndim == 0 or self._axis is Axis.ROW else found

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_label(self.names, self._axis)

    def state(self) -> dict[str, Any]:
        """The labels, the commonest of them, and how often each was seen."""
        return {"labels": list(self.names), "commonest": self._commonest, "counts": list(self._times)}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        if not isinstance(state, dict) or state.keys() - {"counts"} != {"labels", "commonest"}:
            raise DataError("the stored data state is not that of labels")
        names = restore_names(state["labels"], "labels")
        if state["commonest"] not in names:
            raise DataError("the stored data state names a commonest label that is none")
        counts = state.get("counts", [])  # an earlier seqnet counted none
        if not isinstance(counts, list) or (counts and [type(count) for count in counts] != [int] * len(names)):
            raise DataError("the stored data state does not say how often training has each label")
        self._times = tuple(counts)
        self._commonest = state["commonest"]
        self._know(names)


def exported_label(names: Sequence[str], axis: Axis, unknown: int | None = None) -> dict[str, Any]:
    """One of several names as `seqnet.exported` has it. unknown: the number of any other."""
    return {"kind": "label", "names": list(names), "axis": "row" if axis is Axis.ROW else "step", "unknown": unknown}


def unknown_labels(what: str, rows: Sequence[Sequence[str | None]], known: Mapping[Any, int]) -> dict[int, str]:
    """What is wrong with each row that has a label training never saw.

    A known one like it is named where it looks mistyped: it stands there once only, and differs by a letter or so. One
    that is there again and again is a class of its own.
    """
    times = Counter(label for row in rows for label in row)
    names = [str(label) for label in known if label is not None]
    found = {}
    for position, row in enumerate(rows):
        strange = next((label for label in row if label not in known), None)
        if strange is not None:
            hint = _mistyped(strange, names) if times[strange] == 1 else None
            ending = f"; did you mean '{shown(hint)}'?" if hint else ""
            found[position] = f"{what} '{shown(strange)}' does not occur in the training rows{ending}"
    return found


def _mistyped(label: str, names: Sequence[str]) -> str | None:
    found = nearest(label, names)
    if found is None or sorted(filter(str.isdigit, found)) != sorted(filter(str.isdigit, label)):
        return None
    one, other = label.lower(), found.lower()
    # B-PER and I-PER, cat and cot are alike by a letter too, and are classes of their own.
    alike = one[0] == other[0] and SequenceMatcher(None, one, other).ratio() >= ALIKE
    return found if one == other or alike else None
