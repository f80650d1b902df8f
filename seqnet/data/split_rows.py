"""Which rows are whose split: rows of files of its own, of a column's value, or a share of the training rows."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from seqnet.data.columns import assign
from seqnet.data.files import BadRows
from seqnet.data.formats.format import Column
from seqnet.data.generation import SPLITS
from seqnet.data.grouping import Grouping, Sequence_, uneven
from seqnet.data.layout import Layout
from seqnet.data.located import Located
from seqnet.data.raw_block import RawBlock, observed
from seqnet.data.sequences import Table, held_by_group, held_by_time
from seqnet.data.split_of import SplitOf
from seqnet.data.tally import Tally

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
            yield from (block for _, block in self.apart([split], first))
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

    def apart(self, splits: Sequence[str], bad: BadRows) -> Iterator[tuple[str, RawBlock]]:
        """The rows of some of these, each block with its split, read once. bad: of lines that are no rows."""
        for block, places in self._placed(bad):
            for split in splits:
                if own := np.flatnonzero(places == SPLITS.index(split)).tolist():
                    yield split, block.only(own)

    def _placed(self, bad: BadRows) -> Iterator[tuple[RawBlock, np.ndarray]]:
        """All rows of those files, and the place in SPLITS of each one's split."""
        if self.column is not None:
            for block in self.located.blocks(self.located.parts, bad, [self.column]):
                names = map(self.split_of, block.more[0])
                yield block, np.array([NO_SPLIT if name is None else SPLITS.index(name) for name in names], np.int8)
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
        there, held = self.located.splits, self.held_out()
        own = split in there and split != "train"
        if split not in there and split not in held:
            return
        parts = there[split if own else "train"]
        first = bad if own or split == "train" else BadRows(self.on_bad_row)
        blocks = self.located.blocks(parts, first, self.grouping.columns())
        table = Table.of(blocks, parts[0], self.located.columns, self.grouping)
        groups = table.groups(self.grouping, first)
        sequences = [Sequence_(rows) for rows in groups]
        if self.layout.forecasts:
            tally.gaps, tally.steps = uneven(groups, table.order)
        if held and not own:
            by = self.grouping.split or ("time" if self.layout.again else "group")
            if by == "group":
                sequences = held_by_group(groups, split, self._held(), self.seed)
            else:
                sequences = held_by_time(groups, table.order, split, self._held())
        pieces = [piece for one in sequences for piece in self.grouping.pieces(one)]
        if pieces:
            yield table.rows(pieces, self.layout.stepped, bad)


def _cut(text: str, place: int, whole: bool) -> int | None:
    """Where to cut a piece of text, at a place or, unless `whole`, behind the next white space; None = not in it."""
    if place <= 0:
        return 0
    if place >= len(text):
        return None
    if whole:
        return place
    return next((at + 1 for at in range(place, len(text)) if text[at].isspace()), len(text))
