"""Raw blocks of rows made into columns of numbers, by fields that have learned, but for rows that cannot be used."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqnet.data.asking import NextSteps
from seqnet.data.columns import ColumnBuilder, offsets_of
from seqnet.data.examples import Ragged
from seqnet.data.fields.field import UNKNOWN_LABEL, BadValues, Block, UnknownLabels
from seqnet.data.files import BadRows
from seqnet.data.fitted import Fitted
from seqnet.data.formats.format import Column
from seqnet.data.places import Places, PlacesBuilder
from seqnet.data.raw_block import Problems, RawBlock, refuse
from seqnet.data.tally import Tally
from seqnet.data.workers import beside
from seqnet.errors import DataError
from seqnet.kinds import AHEAD, Item
from seqnet.specs import Tokens

NO_ROW = "no row that can be used; name a file that has some with data.path="


@dataclass(frozen=True)
class Encoded:
    """The columns of some rows, and where these stand; of running text, which is in no rows, it is not known.

    asked_from: of each row, the step from which on something is asked; None: the first.
    """

    columns: Mapping[str, Ragged]
    asked_from: Tensor | None = None
    places: Places | None = None


@dataclass(frozen=True)
class _Part:
    """What one block gave. kept: the places of its rows that were used, None where all were; bad: of how many not."""

    kept: Sequence[int] | None
    made: Mapping[str, Block]
    continues: bool
    asked_from: Sequence[int]
    tally: Tally
    bad: int


@dataclass(frozen=True)
class Encoder:
    """Encodes rows.

    columns: of the fields, in files. on_unknown_label: `count` a target that training never saw, `skip` its row or
    `raise`. grouped: rows make sequences, of which some may have one step.
    """

    fitted: Fitted
    columns: Mapping[str, Column]
    on_unknown_label: str
    grouped: bool

    def splits(
        self, blocks: Iterable[tuple[str, RawBlock]], told: Mapping[str, tuple[Tally, BadRows]], workers: int = 0
    ) -> dict[str, Encoded | None]:
        """The columns of all fields, of each split of which there are blocks; None where there is no row.

        told: by split, what counts its rows, and what is done with bad ones. workers: how many processes share out the
        blocks. Raises DataError.
        """
        with ExitStack() as stack:
            made = {split: stack.enter_context(_Making(self, *counts)) for split, counts in told.items()}
            (policy,) = {"skip" if bad.skip else "raise" for _, bad in told.values()}
            work = partial(self._apart, policy=policy)
            for (split, raw), part in beside(work, blocks, workers, lambda item: item[1].sent(self.fitted.fields)):
                made[split].add(raw, part)
            return {split: one.encoded() for split, one in made.items()}

    def _apart(self, raw: RawBlock, policy: str) -> "_Part":
        """A block by itself. policy: of bad rows."""
        tally, bad = Tally(), BadRows(policy)
        kept, made = self.block(raw, tally, bad, list(self.fitted.fields))
        places = None if len(kept.numbers) == len(raw.numbers) else list(kept.more[0])
        return _Part(places, made, kept.continues, kept.asked_from if made else (), tally, bad.count)

    def inputs(self, raw: RawBlock, tally: Tally, bad: BadRows) -> tuple[Mapping[str, Ragged] | None, Sequence[int]]:
        """The columns of the inputs alone, of rows that can be used, and the numbers of these.

        None where there were some and none can be.
        """
        names = self.fitted.layout.inputs
        kept, made = self.block(raw, tally, bad, names, asked=False)
        if not made and raw.numbers:
            return None, ()
        made = made or {name: self._column(name, raw, {}) for name in names}
        return {
            name: Ragged(torch.from_numpy(np.require(block.flat, requirements=["C", "W"])), offsets_of(block.lengths))
            for name, block in made.items()
        }, kept.numbers

    def block(
        self, raw: RawBlock, tally: Tally, bad: BadRows, names: Sequence[str], asked: bool = True
    ) -> tuple[RawBlock, dict[str, Block]]:
        """A block without its bad rows, and its encoded values; none where all are bad. asked: with its targets."""
        while raw.numbers:
            problems: Problems = {}
            made = {name: self._column(name, raw, problems) for name in names}
            if not problems:
                problems = self._unaligned(made, asked)
            if not problems:
                tally.add(made, self.fitted.fields, self.fitted.layout.target)
                return raw, made
            refuse(raw, problems, self.columns, bad)
            if raw.steps:
                tally.add_bad_sequences(raw, problems, self.fitted.fields, bad.first)
            raw = raw.only([place for place in range(len(raw.numbers)) if place not in problems])
        return raw, {}

    def _column(self, name: str, raw: RawBlock, problems: Problems) -> Block:
        one, unknown = self.fitted.fields[name], None
        block = Block(np.zeros(0), np.zeros(len(raw.numbers), np.int64))
        try:
            block = one.encode(raw.values[name])
            if one.kind.item is Item.PIXEL:  # a step is a row of values, of a clip a whole picture
                block = block._replace(flat=block.flat.reshape(len(block.flat), math.prod(block.flat.shape[1:])))
            elif one.kind.item is Item.LABELS:
                block = block._replace(flat=block.flat.astype(np.float32))
        except UnknownLabels as error:
            unknown, block = error.problems, error.block
        except BadValues as error:
            for place, reason in error.problems.items():
                problems.setdefault(place, (name, reason))
        if unknown is None:
            return block
        if name != self.fitted.layout.target:  # a label that is read has a number for all that were never seen
            space = self.fitted.space_of(name)
            assert isinstance(space, Tokens)
            last = len(space.names) - 1
            return block._replace(flat=np.where(block.flat == UNKNOWN_LABEL, last, block.flat).astype(block.flat.dtype))
        if self.on_unknown_label == "skip":
            for place, reason in unknown.items():
                problems.setdefault(place, (name, reason))
        elif self.on_unknown_label == "raise":
            place = min(unknown)
            raise DataError(
                f"{raw.file}, {raw.unit} {raw.numbers[place]}: {name}: {unknown[place]}; mend it, or count it as an "
                "error with data.on_unknown_label=count"
            )
        return block

    def _unaligned(self, made: Mapping[str, Block], asked: bool) -> Problems:
        """What is wrong with rows whose columns have other numbers of steps than the first input, or one too few."""
        layout = self.fitted.layout
        first, target = layout.read.first, layout.target
        aligned = [*layout.read.views, *([target] if layout.asked_at_steps else ())]
        problems: Problems = {}
        for name in aligned if first is not None else ():
            if name in made:
                base = target if layout.forecasts else first
                steps, others = made[base].lengths, made[name].lengths  # type: ignore[index]
                longer = not asked and AHEAD in self.fitted.fields[name].kind.traits  # known of what is to come
                for place in np.flatnonzero(others < steps if longer else steps != others).tolist():
                    problems[place] = name, f"{others[place]} steps, and {first} has {steps[place]}"
        if asked and isinstance(self.fitted.asking, NextSteps) and not self.grouped:
            for place in np.flatnonzero(made[target].lengths < 2).tolist():
                problems[place] = target, "one step only, so there is nothing to predict"
        return problems


class _Making:
    """The columns of a split, block by block."""

    def __init__(self, encoder: Encoder, tally: Tally, bad: BadRows) -> None:
        self._running, self._tally, self._bad = encoder.fitted.layout.running, tally, bad
        fields = encoder.fitted.fields
        self._places = PlacesBuilder({name: encoder.columns[name] for name, one in fields.items() if one.opens_files})
        self._builders = {name: ColumnBuilder() for name in fields}
        self._where: Any = None
        self._asked_from = list[int]()

    def __enter__(self) -> "_Making":
        return self

    def __exit__(self, *error: object) -> None:
        builders: list[ColumnBuilder | PlacesBuilder] = [self._places, *self._builders.values()]
        for one in builders:
            one.__exit__(*error)

    def add(self, raw: RawBlock, part: _Part) -> None:
        """Add a block, and what it gave."""
        self._where = self._where or (raw.file if raw.numbers else None)
        if part.made and not self._running:
            self._places.add(raw if part.kept is None else raw.only(part.kept))
        self._tally.join(part.tally)
        self._bad.count += part.bad
        self._asked_from += part.asked_from
        for name, block in part.made.items():
            self._builders[name].append(block.flat, block.lengths, continues=part.continues)

    def encoded(self) -> Encoded | None:
        """All of it; None where there was no row. Raises DataError where none could be used."""
        columns, places = {name: one.column() for name, one in self._builders.items()}, self._places.places()
        if self._where is None:
            return None
        found = {name: column for name, column in columns.items() if column is not None}
        if len(found) < len(columns):
            raise DataError(f"{self._where}: {NO_ROW}")
        self._tally.bad = self._bad.count
        return Encoded(found, torch.tensor(self._asked_from) if any(self._asked_from) else None, places)
