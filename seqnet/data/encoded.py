"""Raw blocks of rows made into columns of numbers, by fields that have learned, but for rows that cannot be used."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

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

    def split(self, blocks: Iterable[RawBlock], tally: Tally, bad: BadRows, workers: int = 0) -> Encoded | None:
        """The columns of all fields; None where there is no row. tally: counts them. Raises DataError.

        workers: how many processes share out the blocks.
        """
        where, asked_from = None, list[int]()
        with ExitStack() as stack:
            opening = {name: self.columns[name] for name, one in self.fitted.fields.items() if one.opens_files}
            places = stack.enter_context(PlacesBuilder(opening))
            builders = {name: stack.enter_context(ColumnBuilder()) for name in self.fitted.fields}
            work = partial(self._apart, policy="skip" if bad.skip else "raise")
            for raw, part in beside(work, blocks, workers, lambda raw: raw.sent(self.fitted.fields)):
                where = where or (raw.file if raw.numbers else None)
                if part.made and not self.fitted.layout.running:
                    places.add(raw if part.kept is None else raw.only(part.kept))
                tally.join(part.tally)
                bad.count += part.bad
                asked_from += part.asked_from
                for name, block in part.made.items():
                    builders[name].append(block.flat, block.lengths, continues=part.continues)
            columns, stand = {name: builder.column() for name, builder in builders.items()}, places.places()
        if where is None:
            return None
        if any(column is None for column in columns.values()):
            raise DataError(f"{where}: {NO_ROW}")
        tally.bad = bad.count
        found = {name: column for name, column in columns.items() if column is not None}
        return Encoded(found, torch.tensor(asked_from) if any(asked_from) else None, stand)

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
