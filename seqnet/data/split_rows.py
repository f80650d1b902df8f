"""Which rows are whose split: rows of files of its own, of a column's value, or a share of the training rows."""

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from seqnet.data.columns import assign
from seqnet.data.files import BadRows, shown
from seqnet.data.formats.format import Column
from seqnet.data.generation import SPLITS
from seqnet.data.grouping import Grouping, Sequence_, uneven
from seqnet.data.layout import Layout
from seqnet.data.located import Located
from seqnet.data.raw_block import RawBlock, observed
from seqnet.data.sequences import Table, held_by_column, held_by_group, held_by_time
from seqnet.data.split_of import SplitOf, plain, text_of
from seqnet.data.tally import Tally
from seqnet.errors import DataError

NO_SPLIT = -1


@dataclass(frozen=True)
class Drawn:
    """Which split each usable row of the training files belongs to. unusable: files and numbers of the other rows.

    splits: places in `SPLITS`, [rows]; None of running text that is one document, which is cut.
    """

    splits: np.ndarray | None
    unusable: frozenset[tuple[str, int]]


@dataclass(frozen=True)
class SplitRows:
    """The rows of each split.

    column: says of each row which split it belongs to, by what `split_of` makes of its values. shares: of valid and
    test, where they have no rows of their own, drawn by the seed, of a single document its end. on_bad_row: as for
    `BadRows`.
    """

    located: Located
    layout: Layout
    grouping: Grouping
    column: Column | None
    split_of: SplitOf
    shares: tuple[float, float]
    seed: int
    on_bad_row: str

    def blocks(self, split: str, bad: BadRows, tally: Tally) -> Iterator[RawBlock]:
        """The rows of a split, in blocks. tally: counts gaps of series. Raises DataError."""
        there = self.located.splits
        if self.grouping.used:
            yield from self._sequences(split, bad, tally)
            return
        # Lines that are no rows belong to no split: they are counted where the training rows are read.
        first = bad if split == "train" else BadRows(self.on_bad_row)
        if split in there and split != "train" and self.column is None:
            yield from self.located.blocks(there[split], bad)
        elif split in self.mixed:
            yield from (block for _, block in self.apart([split], first, tally))
        elif split in self.held_out():
            yield from self._share_of_document(split, first)
        elif split in there:
            yield from (
                self._share_of_document(split, first) if self.held_out() else self.located.blocks(there[split], bad)
            )

    @cached_property
    def mixed(self) -> Sequence[str]:
        """The splits whose rows stand between each other's, in the same files."""
        held = self.held_out()
        if self.grouping.used:
            return ()
        if self.column is not None:
            return SPLITS
        return ("train", *held) if held and self._drawn.splits is not None else ()

    def apart(self, splits: Sequence[str], bad: BadRows, tally: Tally) -> Iterator[tuple[str, RawBlock]]:
        """The rows of some of these, each block with its split, read once.

        bad: of lines that are no rows. tally: is told of rows that are of no split, where those of training are asked
        for. Raises DataError.
        """
        for block, places in self._placed(bad, tally if "train" in splits else None):
            for split in splits:
                if own := np.flatnonzero(places == SPLITS.index(split)).tolist():
                    yield split, block.only(own)

    def _placed(self, bad: BadRows, tally: Tally | None) -> Iterator[tuple[RawBlock, np.ndarray]]:
        """All rows of those files, and the place in SPLITS of each one's split."""
        if self.column is not None:
            seen = Counter[Any]()
            for block in self.located.blocks(self.located.parts, bad, [self.column]):
                yield block, self._said(block.more[0], seen)
            if tally is not None:
                self._tell(seen, tally)
            return
        assigned, begin = self._drawn.splits, 0
        assert assigned is not None
        for block in self.located.blocks(self.located.splits["train"], bad):
            good = np.ones(len(block.numbers), bool)
            if self._drawn.unusable:
                file = str(block.file)
                good = np.array([(file, number) not in self._drawn.unusable for number in block.numbers], bool)
            rows = np.full(len(good), SPLITS.index("train"), np.int8)  # where those that are bad are counted
            begin -= block.continues
            rows[good] = assigned[begin : begin + int(good.sum())]
            begin += int(good.sum())
            yield block, rows

    def _said(self, values: Sequence[Any], seen: Counter[Any]) -> np.ndarray:
        """The place in SPLITS of the split of each value of the column, which are counted."""
        texts = list(map(text_of, values))
        seen.update(texts)
        places = {text: NO_SPLIT if (name := self.split_of(text)) is None else SPLITS.index(name) for text in {*texts}}
        return np.array([places[text] for text in texts], np.int8)

    def _tell(self, seen: Counter[Any], tally: Tally) -> None:
        """Tell which values of the column are of no split. seen: how many rows have each. Raises DataError."""
        there = {plain(value) for value in seen}
        for value, split in self.split_of.values.items():
            if value not in there:
                raise DataError(
                    f"{self.located.where}: data.split_values.{split}={value}, and no row has that in {self.column}, "
                    f"which is {_either(seen)}: name values that rows have"
                )
        none = [value for value in seen if self.split_of(value) is None]
        rows, said = sum(seen[value] for value in none), "data.split_values.valid and .test say which values are whose"
        if none and len(none) == len(seen):
            raise DataError(
                f"{self.located.where}: no row says its split, since {self.column} is {_either(none)}: {said}"
            )
        if none:
            told = f"left out {rows:,} of {sum(seen.values()):,} rows: {self.column} is {_either(none)}"
            tally.notes.append(f"{told}, which is neither train, valid nor test; {said}")
        if self.grouping.split is not None:
            tally.notes.append(
                f"data.rows.split={self.grouping.split} is of what a share holds out, and data.split_column="
                f"{self.column} says it of each row: leave one of them out"
            )

    def held_out(self) -> Mapping[str, float]:
        """The share of the training rows, where there are some, that each split without rows of its own has."""
        there = self.located.splits
        if "train" not in there:
            return {}
        shares = dict(zip(SPLITS[1:], self.shares, strict=True))
        return {split: share for split, share in shares.items() if share and split not in there}

    def _held(self) -> tuple[float, float]:
        held = self.held_out()
        return held.get("valid", 0.0), held.get("test", 0.0)

    @cached_property
    def _drawn(self) -> Drawn:
        """The split of each training row that a field can use."""
        skips, rows, unusable = self.on_bad_row == "skip", 0, set[tuple[str, int]]()
        fields = copy.deepcopy(self.layout.fields)  # that find out which rows are bad, and are thrown away
        for part in self.located.splits["train"]:
            count = None if skips else part.format.count(part.file)
            if count is not None:
                rows += count
                continue
            for block in self.located.blocks([part], BadRows(self.on_bad_row)):
                bad = observed(fields, block) if skips else {}
                unusable |= {(str(block.file), block.numbers[place]) for place in bad}
                rows += len(block.numbers) - block.continues - len(bad)
        alone = self.layout.running and rows == 1
        return Drawn(None if alone else assign(rows, *self._held(), self.seed), frozenset(unusable))

    def _share_of_document(self, split: str, bad: BadRows) -> Iterator[RawBlock]:
        """A part of a single document: training its beginning, test its end."""
        parts, target = self.located.splits["train"], self.layout.target
        blocks = self.located.blocks(parts, BadRows(self.on_bad_row))
        total = sum(len(block.values[target][0]) for block in blocks)
        valid, test = self._held()
        cuts = [0, int(total * (1 - valid - test)), int(total * (1 - test)), total]
        begin, end = cuts[SPLITS.index(split)], cuts[SPLITS.index(split) + 1]
        whole = self.layout.fields[target].level == "characters"  # type: ignore[attr-defined]
        read, began, done = 0, False, False
        for block in self.located.blocks(parts, bad):
            (text,) = block.values[target]
            first = _cut(text, begin - read, whole) if not began else 0
            last = _cut(text, end - read, whole) if end < total else None
            read += len(text)
            if first is None or done:
                continue
            piece = text[first:last]
            done = last is not None
            if piece:
                yield replace(block, values={target: [piece]}, continues=began)
                began = True

    def _sequences(self, split: str, bad: BadRows, tally: Tally) -> Iterator[RawBlock]:
        """The sequences of a split that the rows of a table make."""
        there, held, column = self.located.splits, self.held_out(), self.column
        own = column is None and split in there and split != "train"
        if column is None and split not in there and split not in held:
            return
        parts = self.located.parts if column is not None else there[split if own else "train"]
        first = bad if own or split == "train" else BadRows(self.on_bad_row)
        beside = [*([] if column is None else [column]), *self.grouping.columns()]
        table = Table.of(self.located.blocks(parts, first, beside), parts[0], self.located.columns, self.grouping)
        groups = table.groups(self.grouping, first)
        if split == "train":
            tally.notes += table.remarks(self.grouping)
        by = self.grouping.split or ("time" if self.layout.again else "group")
        if column is not None:
            groups, sequences = self._by_column(table, groups, split, tally)
        elif not held or own:
            sequences = [Sequence_(rows) for rows in groups]
        elif by == "group":
            sequences = held_by_group(groups, split, self._held(), self.seed)
        else:
            sequences = held_by_time(groups, table.order, split, self._held())
        if self.layout.forecasts:
            tally.gaps, tally.steps = uneven(groups, table.order)
        pieces = [piece for one in sequences for piece in self.grouping.pieces(one, self.layout.horizon or 1)]
        if not self._asks_at_steps:  # every piece is asked for its one answer
            pieces = [Sequence_(piece.rows) for piece in pieces]
        for some in table.by_file(pieces):
            yield table.rows(some, self.layout.stepped, bad)

    def _by_column(
        self, table: Table, groups: Iterable[Sequence[int]], split: str, tally: Tally
    ) -> tuple[list[list[int]], list[Sequence_]]:
        """The rows of each group that are of any split, as the column says, and the sequences of one of the splits."""
        seen = Counter[Any]()
        places = self._said(table.more, seen).tolist()
        if split == "train":
            self._tell(seen, tally)
        kept = [own for rows in groups if (own := [row for row in rows if places[row] != NO_SPLIT])]
        self._check_order(table, kept, places)
        return kept, held_by_column(kept, split, places)

    @property
    def _asks_at_steps(self) -> bool:
        """Whether what is asked of a sequence is asked at each of its rows."""
        return self.layout.again or self.layout.asked_at_steps

    def _check_order(self, table: Table, groups: Iterable[Sequence[int]], places: Sequence[int]) -> None:
        """Refuse a sequence whose rows are of several splits, unless they follow each other. Raises DataError."""
        for before, row in (pair for rows in groups for pair in pairwise(rows)):
            if places[row] == places[before] or (places[row] > places[before] and self._asks_at_steps):
                continue
            rows = f"{table.where(row)}: rows{table.whose(self.grouping, row)}"
            both = (
                f"are {SPLITS[places[before]]} and behind that {SPLITS[places[row]]} (data.split_column={self.column})"
            )
            if not self._asks_at_steps:
                target = self.layout.target
                raise DataError(f"{rows} {both}, but {target} is asked once of all of them: give them one split")
            raise DataError(
                f"{rows} {both}: a sequence is of one split, or first train, then valid, then test; mend "
                f"{self.column}, or say what parts and sorts sequences with data.rows.group= and data.rows.order="
            )


def _either(values: Iterable[str]) -> str:
    """Values of a column for a message."""
    return shown(", ".join(sorted(value or "blank" for value in values)), 100)


def _cut(text: str, place: int, whole: bool) -> int | None:
    """Where to cut a piece of text, at a place or, unless `whole`, behind the next white space; None = not in it."""
    if place <= 0:
        return 0
    if place >= len(text):
        return None
    if whole:
        return place
    return next((at + 1 for at in range(place, len(text)) if text[at].isspace()), len(text))
