"""The rows of a table made into sequences: read whole, put into groups, held out by group or by time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqnet.data.columns import assign
from seqnet.data.files import BadRows
from seqnet.data.formats.find import Part
from seqnet.data.generation import SPLITS
from seqnet.data.grouping import Grouping, Sequence_, by_time, gathered
from seqnet.data.raw_block import RawBlock


@dataclass(frozen=True)
class Table:
    """All rows of some files. key: what rows of one sequence share, None = all are one. order: what they are sorted
    by, None = as they stand.
    """

    file: Any
    unit: str
    numbers: list[int]
    values: dict[str, list[Any]]
    key: list[Any] | None
    order: list[Any] | None
    more: list[Any]  # of a further column that no field reads

    @classmethod
    def of(cls, blocks: Iterable[RawBlock], part: Part, names: Iterable[str], grouping: Grouping) -> "Table":
        """All rows of blocks, beside whose values stand the columns of the grouping, before them perhaps a further one.

        part: the first of the files.
        """
        numbers: list[int] = []
        values: dict[str, list[Any]] = {name: [] for name in names}
        key: list[Any] = []
        order: list[Any] = []
        further: list[Any] = []
        for block in blocks:
            numbers.extend(block.numbers)
            for name, column in block.values.items():
                values[name].extend(column)
            more = list(block.more)
            order.extend(more.pop() if grouping.order is not None else ())
            key.extend(more.pop() if grouping.group is not None else ())
            further.extend(more.pop() if more else ())
        return cls(part.file, part.format.unit, numbers, values, key or None, order or None, further)

    def groups(self, grouping: Grouping, bad: BadRows) -> list[list[int]]:
        """The rows of each sequence, in order; of several at one place the first. Raises DataError."""

        def doubled(row: int, first: int, what: str) -> None:
            also = f"the other in {self.unit} {self.numbers[first]}"
            hint = "data.rows.group= may name the column that tells them apart"
            bad(self.file, self.numbers[row], f"{what}, {also}; {hint}", self.unit)

        return grouping.groups(self.key, self.order, len(self.numbers), doubled)

    def rows(self, sequences: Iterable[Sequence_], stepped: Mapping[str, bool], bad: BadRows) -> RawBlock:
        """Sequences as rows, each with its list of values of every field that has steps. stepped: which have."""
        numbers, made, begins, steps, groups = [], [], [], [], []
        for one in sequences:
            try:
                row = gathered(self.values, one, stepped)
            except ValueError as error:
                bad(self.file, self.numbers[one.rows[0]], str(error), self.unit)
                continue
            made.append(row)
            numbers.append(self.numbers[one.rows[0]])
            begins.append(one.asked_from)
            steps.append([self.numbers[place] for place in one.rows])
            groups += [] if self.key is None else [self.key[one.rows[0]]]
        values = {name: [row[name] for row in made] for name in self.values}
        return RawBlock(self.file, numbers, values, self.unit, asked_from=begins, steps=steps, groups=groups)


def held_by_group(groups: Sequence[Sequence[int]], split: str, shares: Sequence[float], seed: int) -> list[Sequence_]:
    """The sequences of a split, to which groups belong whole. shares: of valid and test."""
    valid, test = shares
    assigned = assign(len(groups), valid, test, seed)
    return [Sequence_(rows) for rows, one in zip(groups, assigned, strict=True) if SPLITS[one] == split]


def held_by_time(
    groups: Sequence[Sequence[int]], orders: Sequence[Any] | None, split: str, shares: Sequence[float]
) -> list[Sequence_]:
    """The sequences of a split: what comes last in each group, with all that was before. shares: of valid and test."""
    valid, test = shares
    ends = by_time(groups, orders, (1 - valid - test, 1 - test))
    found = []
    for rows, (train, both) in zip(groups, ends, strict=True):
        first, last = {"train": (0, train), "valid": (train, both), "test": (both, len(rows))}[split]
        if last > first:
            found.append(Sequence_(rows[:last], first))
    return found
