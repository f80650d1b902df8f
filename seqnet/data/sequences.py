"""The rows of a table made into sequences: read whole, put into groups, held out by group or by time."""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from seqnet.data.columns import assign
from seqnet.data.fields.raw import missing, told
from seqnet.data.files import BadRows, place
from seqnet.data.formats.find import Part
from seqnet.data.generation import SPLITS
from seqnet.data.grouping import Grouping, Sequence_, by_time, gathered, sortable
from seqnet.data.raw_block import RawBlock


@dataclass(frozen=True)
class Table:
    """All rows of some files, each with its file. key: what rows of one sequence share, None = all are one.

    said: what they are sorted by as it stands there, None = they are not sorted.
    """

    files: list[Any]
    unit: str
    numbers: list[int]
    values: dict[str, list[Any]]
    key: list[Any] | None
    said: list[Any] | None
    more: list[Any]  # of a further column that no field reads

    @classmethod
    def of(cls, blocks: Iterable[RawBlock], part: Part, names: Iterable[str], grouping: Grouping) -> "Table":
        """All rows of blocks, beside whose values stand the columns of the grouping, before them perhaps a further one.

        part: the first of the files.
        """
        files: list[Any] = []
        numbers: list[int] = []
        values: dict[str, list[Any]] = {name: [] for name in names}
        key: list[Any] = []
        order: list[Any] = []
        further: list[Any] = []
        for block in blocks:
            files.extend([block.file] * len(block.numbers))
            numbers.extend(block.numbers)
            for name, column in block.values.items():
                values[name].extend(column)
            more = list(block.more)
            order.extend(more.pop() if grouping.order is not None else ())
            keys = more.pop() if grouping.group is not None else ()
            key.extend(value.strip() if isinstance(value, str) else value for value in keys)
            further.extend(more.pop() if more else ())
        return cls(files, part.format.unit, numbers, values, key or None, order or None, further)

    @cached_property
    def _sortable(self) -> tuple[list[Any], dict[int, str]] | None:
        return None if self.said is None else sortable(self.said)

    @property
    def order(self) -> list[Any] | None:
        """What rows are sorted by, as it can be sorted; None = as they stand."""
        return None if self._sortable is None else self._sortable[0]

    def remarks(self, grouping: Grouping) -> list[str]:
        """That figures are sorted as text."""
        first = next(
            (value for value in self.order or () if isinstance(value, str) and any(map(str.isdigit, value))), None
        )
        if first is None:
            return []
        return [
            f"data.rows.order={grouping.order} is neither numbers nor times, such as {told(first)}, and is sorted as "
            "text, letter by letter: write times as 2026-01-31 or 2026-01-31T18:00, and numbers as digits alone"
        ]

    def groups(self, grouping: Grouping, bad: BadRows) -> list[list[int]]:
        """The rows of each sequence, in order; of several at one place the first. Raises DataError."""
        problems = {} if self._sortable is None else self._sortable[1]
        problems = {row: f"{grouping.order} {what}: rows are sorted by it" for row, what in problems.items()}
        for row, key in enumerate(self.key or ()):
            if missing(key):
                problems[row] = f"{grouping.group} is missing, so the row is of no sequence"
            elif not isinstance(key, Hashable):
                problems[row] = f"{grouping.group} is {told(key)}, and no name of a sequence"
        for row in sorted(problems):
            bad(self.files[row], self.numbers[row], problems[row], self.unit)

        def doubled(row: int, first: int) -> None:
            assert self.said is not None
            what = f"two rows{self.whose(grouping, row)} have {grouping.order} {self.said[row]}"
            own = self.files[row] is self.files[first]
            other = f"{self.unit} {self.numbers[first]}" if own else self.where(first)
            hint = "data.rows.group= may name the column that tells them apart"
            bad(self.files[row], self.numbers[row], f"{what}, the other in {other}; {hint}", self.unit)

        rows = [row for row in range(len(self.numbers)) if row not in problems]
        return grouping.groups(self.key, self.order, rows, doubled)

    def whose(self, grouping: Grouping, row: int) -> str:
        """Of what sequence a row is, for messages."""
        return "" if self.key is None else f" of {grouping.group} {self.key[row]}"

    def where(self, row: int) -> str:
        """Where a row stands, for messages."""
        return place(self.files[row], self.numbers[row], self.unit)

    def by_file(self, sequences: Iterable[Sequence_]) -> Iterator[list[Sequence_]]:
        """Sequences whose first rows stand in one file, as long as they do: rows of a block have one."""
        for _, some in groupby(sequences, lambda one: str(self.files[one.rows[0]])):
            yield list(some)

    def rows(self, sequences: Iterable[Sequence_], stepped: Mapping[str, bool], bad: BadRows) -> RawBlock:
        """Sequences as rows, each with its list of values of every field that has steps. stepped: which have."""
        numbers, made, begins, steps, groups = [], [], [], [], []
        file = None
        for one in sequences:
            first = one.rows[0]
            file = self.files[first] if file is None else file
            try:
                found = gathered(self.values, one, stepped)
            except ValueError as error:
                bad(self.files[first], self.numbers[first], str(error), self.unit)
                continue
            made.append(found)
            numbers.append(self.numbers[first])
            begins.append(one.asked_from)
            steps.append([(self.files[row], self.numbers[row]) for row in one.rows])
            groups += [] if self.key is None else [self.key[first]]
        values = {name: [row[name] for row in made] for name in self.values}
        return RawBlock(file, numbers, values, self.unit, asked_from=begins, steps=steps, groups=groups)


def held_by_column(groups: Sequence[Sequence[int]], split: str, places: Sequence[int]) -> list[Sequence_]:
    """The sequences of a split: of each group its rows of that split, with all that was before.

    places: of each row that of its split in SPLITS, which within a group never falls.
    """
    at, found = SPLITS.index(split), []
    for rows in groups:
        own = [places[row] for row in rows]
        first, last = bisect_left(own, at), bisect_right(own, at)
        if last > first:
            found.append(Sequence_(rows[:last], first))
    return found


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
