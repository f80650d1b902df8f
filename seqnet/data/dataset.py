"""Rows of named columns out of files: formats say what a file holds, fields what a column is, the target what for."""

import copy
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor

from seqnet import strict_json
from seqnet.batch import asked
from seqnet.data import cache as caching
from seqnet.data.asking import (
    Asking,
    EveryStep,
    Inputs,
    NextSteps,
    OnceARow,
    RunningText,
    Written,
    asked_late,
    forecast,
)
from seqnet.data.cache import Cache
from seqnet.data.columns import ColumnBuilder, assign, offsets_of, take
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.data.fields.field import UNKNOWN_LABEL, Augment, BadValues, Block, Field, UnknownLabels
from seqnet.data.files import BadRows, counted, shown
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.columns import resolve, used
from seqnet.data.formats.find import SPLITS as CALLED
from seqnet.data.formats.find import Found, Part, find
from seqnet.data.formats.format import Column, Format
from seqnet.data.formats.opening import Beside, ending
from seqnet.data.generation import SPLITS
from seqnet.data.grouping import Grouping, Sequence_, by_time, gathered
from seqnet.data.numbers import read_json
from seqnet.data.pairs import LONGEST_TARGET, before_end, with_ends, writing
from seqnet.data.scaled_so_far import scaled_so_far
from seqnet.data.varied import Varied
from seqnet.data.vocabulary import UNKNOWN
from seqnet.errors import ConfigurationError, DataError, did_you_mean, visible
from seqnet.kinds import AHEAD, ENDS, LETTERS, NEXT, ONE, SHARED, Axis, Item, Kind
from seqnet.options import COLUMN, NAMES, PATHS, Dropout, FolderName, NotEmpty, Steps, or_null
from seqnet.options import of as options_of
from seqnet.spaces import Image, Space, Spelling, Tokens, Vector, Writing

Values = Mapping[str, Sequence[Any]]
"""Raw values of some rows, by the field that reads them."""

Problems = dict[int, tuple[str, str]]
"""What is wrong with rows: for each position the field, and why."""


MANY = 0.8  # of the tokens unknown: another column is meant


@dataclass
class Tally:
    """What was left out of a split, and what was found in it that training never saw."""

    rows: int = 0
    bad: int = 0
    unknown_labels: int = 0
    tokens: dict[str, int] = field(default_factory=dict)  # by field
    unknown_tokens: dict[str, int] = field(default_factory=dict)

    def remarks(self, split: str) -> list[str]:
        """Sentences about what of a split was not read as it stands."""
        found, where = [], "what was read" if split == ASKED else split
        if self.bad:
            found.append(f"left out {self.bad:,} of {self.rows + self.bad:,} rows of {split} (data.on_bad_row=skip)")
        if self.unknown_labels:
            found.append(
                f"{counted(self.unknown_labels, 'label')} of {split} never seen in training, each counted as an error "
                "(data.on_unknown_label=count)"
            )
        for name, unknown in self.unknown_tokens.items() if split != "train" else ():
            if unknown:
                share = unknown / self.tokens[name]
                found.append(
                    f"{share:.1%} of the tokens of {name} in {where} are unknown, since training did not see them"
                    + ("; is this the right column, and the right level?" if share > MANY else "")
                )
        return found


class Dataset:
    """Columns of files, each read by a field; some are inputs, one is asked for.

    fields: by name; columns: the column of each, where it is not called as the field. inputs: what the model reads,
    the first of which it steps through or, of a target that is written, reads whole; further ones are aligned with its
    steps, or read whole beside it. target: what is asked: once a row, at every step, as tokens to be written; a target
    that is an input too is asked for at its next step, or the next `horizon` ones. rows: how rows make sequences, as
    for `Grouping`. format, path, name, about: as for
    `find`. split_column: says of each row whether it is train, valid or test. A split without rows of its own is a
    share of the training rows, drawn by the seed, of a single document its end. on_bad_row: `raise`, or `skip` and
    count. on_unknown_label: a target that training never saw, elsewhere: `count` it as an error, `skip` its row or
    `raise`. cache: what is made of large files is kept for the next run. described: all options, as plain values, by
    which it is found again; None: it is not kept. Raises ConfigurationError.
    """

    def __init__(
        self,
        seed: int,
        data_dir: str | Path,
        fields: Mapping[str, Field],
        inputs: Annotated[Sequence[str], NAMES],
        target: NotEmpty | None,
        format: Format,
        columns: Mapping[str, Column] | None = None,
        path: Annotated[str | Path | Sequence[str] | None, PATHS] = None,
        name: FolderName | None = None,
        about: NotEmpty | None = None,
        drawn: Format | None = None,
        horizon: Steps | None = None,
        rows: Mapping[str, Any] | None = None,
        split_column: Annotated[Column | None, or_null(COLUMN)] = None,
        valid_share: Dropout = 0.1,
        test_share: Dropout = 0.0,
        on_bad_row: Literal["raise", "skip"] = "raise",
        on_unknown_label: Literal["count", "skip", "raise"] = "count",
        cache: bool = True,
        described: Mapping[str, Any] | None = None,
    ) -> None:
        self._described = described if cache else None
        self._seed, self._data_dir = seed, data_dir
        self._path, self._name, self._about = path, name, about
        self._format, self._split_column = format, split_column
        self._drawn = drawn if path is None and name is None else None
        self._shares = (valid_share, test_share)
        BadRows(on_bad_row)  # refuses what is no way
        self._on_bad_row, self._on_unknown_label = on_bad_row, on_unknown_label
        if not inputs and target is None:
            raise ConfigurationError(
                "data.inputs and data.target name no field: say what is read and what is asked for"
            )
        self._target = _known("data.target", target, fields)
        self._inputs = [_known("data.inputs", one, fields) for one in inputs]
        if len(set(self._inputs)) < len(self._inputs):
            raise ConfigurationError(f"data.inputs={','.join(self._inputs)} names a field twice")
        used = dict.fromkeys([*self._inputs, self._target])
        self.fields = {one: fields[one] for one in used}
        self._columns = {one: (columns or {}).get(one, one) for one in used}
        self._share_vocabularies(fields)
        self._horizon = horizon
        self._grouping = Grouping(**(rows or {}))
        for key, option in options_of(Grouping).items():
            if (sentence := option.refusal(f"data.rows.{key}", getattr(self._grouping, key))) is not None:
                raise ConfigurationError(sentence)
        self.running = self._inputs == [self._target] and _is_text(self.fields[self._target].kind)
        if self.running:
            self.fields[self._target].stream()  # type: ignore[attr-defined]
        self.read = self._laid_out()
        self._check_augmented()
        if self.written:
            for one in {self._target, self.read.first}:
                if one is not None and _is_text(self.fields[one].kind):
                    self.fields[one].strip()  # type: ignore[attr-defined]
        self._pristine = copy.deepcopy(self.fields)
        self.tallies: dict[str, Tally] = {}
        self._found: Found | None = None
        self._assigned: np.ndarray | None = None
        self._unusable: set[tuple[str, int]] = set()  # files and numbers of rows of which nothing is held out
        self._done: dict[str, Examples | Stream] = {}

    # ------------------------------------------------------------------------- what is known before data is read

    def _share_vocabularies(self, fields: Mapping[str, Field]) -> None:
        self.joint: dict[str, str] = {}
        for name, one in self.fields.items():
            other = getattr(one, "vocabulary", None)
            if not isinstance(other, str):
                continue
            if other not in self.fields or other == name:
                hint = did_you_mean(other, [each for each in self.fields if each != name])
                raise ConfigurationError(
                    f"data.fields.{name}.vocabulary={other} is no other field that is read or asked for{hint}"
                )
            one.share(self.fields[other])  # type: ignore[attr-defined]
            self.joint[name] = other

    @property
    def input_kinds(self) -> dict[str, Kind]:
        """What each input holds: the first, unless it is a source, step by step."""
        kinds = {name: self.fields[name].kind for name in self._inputs}
        if self.read.first is not None and not self.written:
            first = kinds[self.read.first]
            one = {ONE} if first.axis is Axis.ROW else set()
            kinds[self.read.first] = replace(first, axis=Axis.STEP, traits=first.traits | one)
        for name in self._inputs:
            if name == self._target or name in (self.joint.get(self._target), *self._sharing(self._target)):
                kinds[name] = replace(kinds[name], traits=kinds[name].traits | {SHARED})
        return kinds

    @property
    def target_kind(self) -> Kind:
        """What is asked: a field's next steps where it is an input too."""
        kind = self.fields[self._target].kind
        if self.written:
            return replace(kind, traits=kind.traits | {ENDS})
        return replace(kind, axis=Axis.STEP, traits=kind.traits | {NEXT}) if self._target in self._inputs else kind

    @property
    def target(self) -> str:
        """The name of the field that is asked for."""
        return self._target

    @property
    def forecasts(self) -> bool:
        """Whether the next steps of numbers are asked for, so that a row's answer is that of its last step."""
        return isinstance(self.asking, NextSteps) and self.fields[self._target].kind.item is Item.NUMBER

    @property
    def written(self) -> bool:
        """Whether the target is written token by token."""
        return not self.running and _is_text(self.fields[self._target].kind)

    @property
    def bad_rows(self) -> int:
        """How many rows were left out."""
        return sum(tally.bad for tally in self.tallies.values())

    def _check_augmented(self) -> None:
        """What is changed at random in training is what is read and asked alike. Raises ConfigurationError."""
        for name, one in self.fields.items():
            if getattr(one, "augment", None) is not None and not name == self._target == self.read.first:
                raise ConfigurationError(
                    f"data.fields.{name} is changed at random in training (transpose), inputs and targets alike, so it "
                    "must be the first of data.inputs and data.target too: set those, or leave the option out"
                )

        for name, one in self.fields.items():
            if getattr(one, "vary", None) is None:
                continue
            if name not in self._inputs:
                raise ConfigurationError(
                    f"data.fields.{name} is changed at random in training where it is read, and it is not among "
                    "data.inputs: leave that option out"
                )
            stepped = self.target_kind.axis is Axis.STEP or self.read.views
            if getattr(one, "reorders", False) and stepped and name in (self.read.first, *self.read.views):
                raise ConfigurationError(
                    f"data.fields.{name} is read in another order in training (both_strands), and {self._target} or "
                    "another input has a value for each of its steps: leave that option out"
                )

    def _laid_out(self) -> Inputs:
        """Which inputs are aligned with the first one. Raises ConfigurationError."""
        kind = self.fields[self._target].kind
        again = self._target in self._inputs
        if again and not self.running and kind.axis is not Axis.STEP:
            raise ConfigurationError(
                f"data.target={self._target} is an input too, so its next step is asked for, and {kind.axis} has none: "
                "take it out of data.inputs"
            )
        if self._horizon is not None and not (again and kind.item is Item.NUMBER):
            raise ConfigurationError(
                f"data.horizon={self._horizon} is of a series that is read and forecast: name it in data.inputs and in "
                "data.target, or set data.horizon=null"
            )
        if getattr(self.fields[self._target], "by_window", False) and not again:
            raise ConfigurationError(
                f"data.fields.{self._target}.scale=window is of a series that is read: name it in data.inputs too, or "
                "set its scale to standard"
            )
        if not self._inputs:
            if not _is_text(kind):
                raise ConfigurationError("data.inputs=[] reads nothing, which only a target that is written goes with")
            return Inputs(None)
        first, *rest = self._inputs
        stepped = self.fields[first].kind.axis is Axis.STEP
        views = [name for name in rest if self.fields[name].kind.axis is Axis.STEP]
        asked_at_steps = kind.axis is Axis.STEP and not again
        if (views or asked_at_steps) and not stepped:
            other = views[0] if views else self._target
            raise ConfigurationError(
                f"{other} has a value for each step of the first input, and {first} has none: "
                "put what has steps first in data.inputs"
            )
        if views and _is_text(kind):
            raise ConfigurationError(
                f"{views[0]} has a value for each step of the source, which a model that writes does not read: take it "
                "out of data.inputs"
            )
        return Inputs(first, tuple(views), tuple(name for name in rest if name not in views))

    # -------------------------------------------------------------------------------------------- what is learned

    def fit(self) -> None:
        """Learn every field from the training rows, and encode these. Raises DataError with file and line."""
        self.fields = copy.deepcopy(self._pristine)
        kept = None if self._cache is None else self._cache.load("learned")
        if kept is not None:
            for name, one in self.fields.items():
                one.restore(kept[0][name])
        else:
            self._learn()
        self._spaces = {name: one.learned() for name, one in self.fields.items()}
        self._know(1)
        if self.split("train") is None:
            raise DataError(
                f"{self.where}: there are no training rows; name some with data.path=, and do not hold out all of them"
            )
        if kept is None and self._cache is not None:  # nothing is kept of files that are refused
            self._cache.save("learned", {name: one.state() for name, one in self.fields.items()}, {})

    def _learn(self) -> None:
        """Show all training rows to all fields, again where one turns out to be bad, since some have seen it."""
        known: set[tuple[str, int]] = set()
        while True:
            before = len(known)
            self.fields = copy.deepcopy(self._pristine)
            bad = self._bad("train")
            for some in self._rows("train", bad):
                self._observe(some, known, bad)
            if len(known) == before:
                return

    @cached_property
    def _cache(self) -> Cache | None:
        """What is kept of these very files, read so; None where they are small, or nothing is to be kept."""
        folder = caching.folder()
        if self._described is None or folder is None or self._drawn is not None:
            return None
        splits = self._locate().splits
        parts = [part for parts in splits.values() for part in parts]
        named = list(self._named(parts))
        if sum(map(caching.size_of, [*(part.file for part in parts), *named])) <= caching.LARGE:
            return None
        modules = [sys.modules[type(one).__module__] for one in (*self.fields.values(), self._format, self)]
        key = [
            {**self._described, "seed": self._seed},
            {split: caching.content_of([part.file for part in parts], folder) for split, parts in splits.items()},
            [f"{type(part.format).__module__}.{type(part.format).__name__}" for part in parts],
            caching.named(parts[0].format.base(parts[0].file), named) if named else None,
            caching.made_by(modules),
        ]
        return Cache(folder, strict_json.dumps(key, sort_keys=True))

    def _named(self, parts: Sequence[Part]) -> "Iterator[Path]":
        """The files that stand in the columns of fields that open them."""
        opening = [name for name, one in self.fields.items() if one.opens_files]
        for some in self._blocks(parts, BadRows("skip")) if opening else ():
            paths = [value for name in opening for value in some.values[name] if isinstance(value, Path)]
            if not paths:  # what stands there is what files would hold
                return
            yield from paths

    def _know(self, longest: int) -> None:
        """Set what a model and a task are told. longest: steps of the longest target that is written."""
        shaped = {name: self._shaped(name, space) for name, space in self._spaces.items()}
        self.views = {name: shaped[name] for name in self.read.views}
        self.wholes = {name: shaped[name] for name in self.read.wholes}
        self.source: Space | None = None
        self.writing: Writing | None = None
        target = shaped[self._target]
        kind = self.fields[self._target].kind
        if self.running:
            self.inputs = self.targets = target
            self.asking: Asking = RunningText(self._target)
            return
        if _is_text(kind):
            assert isinstance(target, Tokens)
            self.inputs = self.targets = with_ends(target.names, target.ranked)
            self.writing = writing(self.targets, longest, self._forbidden())
            if self.read.first is not None:
                joint = self.read.first in (self.joint.get(self._target), *self._sharing(self._target))
                self.source = self.inputs if joint else shaped[self.read.first]
            self.asking = Written(self.read, self._target, self.writing)
            return
        assert self.read.first is not None
        self.inputs = _stepped(shaped[self.read.first])
        self.targets = target
        if self._target in self._inputs:
            horizon = self._horizon or 1
            self.targets = forecast(target, horizon)
            ahead = [name for name in self._inputs if AHEAD in self.fields[name].kind.traits]
            self.views |= {name: _stepped(forecast(self.views[name], horizon)) for name in ahead if name in self.views}
            self.asking = NextSteps(self.read, self._target, self.targets, horizon, tuple(ahead), self._seasons)
        elif kind.axis is Axis.STEP:
            self.asking = EveryStep(self.read, self._target, self.targets)
        else:
            self.asking = OnceARow(self.read, self._target, self.targets)

    @property
    def _seasons(self) -> dict[str, int | None]:
        """The series that are scaled by what was read so far, and the season of each."""
        inputs = {name: self.fields[name] for name in self._inputs}
        return {name: one.season for name, one in inputs.items() if getattr(one, "by_window", False)}  # type: ignore[attr-defined]

    def _at_each_step(self, columns: Mapping[str, Ragged]) -> Mapping[str, Ragged]:
        """The columns as they are read; what asks for next steps scales them itself."""
        return columns if isinstance(self.asking, NextSteps) else scaled_so_far(columns, self._seasons)

    def _sharing(self, name: str) -> list[str]:
        return [one for one, other in self.joint.items() if other == name]

    def _forbidden(self) -> tuple[int, ...]:
        found: tuple[int, ...] = self.fields[self._target].encoding.forbidden  # type: ignore[attr-defined]
        return found

    def _shaped(self, name: str, space: Space) -> Space:
        """What was learned, with what the field's kind says; a label that is read may be one never seen."""
        kind = self.fields[name].kind
        if isinstance(space, Tokens) and LETTERS in kind.traits:
            return Spelling(space.names, self.fields[name].most)  # type: ignore[attr-defined]
        if isinstance(space, Tokens) and kind.item is Item.LABEL and name in self._inputs and name != self._target:
            space = replace(space, names=(*space.names, UNKNOWN))
        if isinstance(space, Image) and kind.axis is not Axis.GRID:  # a picture a step
            return Vector(space.height * space.size, axis=kind.axis)
        column = self._columns[name]
        if isinstance(space, Vector) and not space.names and isinstance(column, list) and len(column) == space.size:
            space = replace(space, names=tuple(map(str, column)))
        return replace(space, axis=kind.axis)

    def state(self) -> dict[str, Any]:
        """What each field learned, and how long the longest target that is written is."""
        longest = None if self.writing is None else self.writing.longest
        return {"fields": {name: one.state() for name, one in self.fields.items()}, "longest": longest}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        fields = state.get("fields") if isinstance(state, dict) and state.keys() == {"fields", "longest"} else None
        if not isinstance(fields, dict) or fields.keys() != self._pristine.keys():
            names = ", ".join(self._pristine)
            raise DataError(f"the stored data state is not that of the fields {visible(names)}")
        longest = state["longest"]
        wanted = _is_text(self._pristine[self._target].kind) and not self.running
        if (longest is None) == wanted or (wanted and not (type(longest) is int and 1 <= longest <= LONGEST_TARGET)):
            raise DataError("the stored data state does not say how long the longest target is")
        for name, other in self.joint.items():
            if fields[name] != fields[other]:
                raise DataError(
                    f"the stored data state has two vocabularies, and data.fields.{name}.vocabulary={other} says one"
                )
        self.fields = copy.deepcopy(self._pristine)
        for name, one in self.fields.items():
            one.restore(fields[name])
        self._spaces = {name: one.learned() for name, one in self.fields.items()}
        self._know(longest or 1)

    # ------------------------------------------------------------------------------------------------ what is read

    def split(self, name: str) -> Examples | Stream | None:
        """The rows of `train`, `valid` or `test`; None where there is no such split. Raises DataError."""
        if name not in self._done:
            columns = self._columns_of(name)
            if columns is None:
                self._refuse_empty(name)
                return None
            self._done[name] = self._examples(columns, name)
        return self._done[name]

    def _columns_of(self, split: str) -> dict[str, Ragged] | None:
        """The columns of a split, as they are kept or made now. Raises DataError."""
        entry = (
            f"{split} {strict_json.dumps(self.state()['fields'], sort_keys=True)}" if self._cache is not None else ""
        )
        kept = None if self._cache is None else self._cache.load(entry)
        if kept is not None:
            told, columns = kept
            self.tallies[split] = Tally(**told["tally"])
            self._asked_from = None if told["asked_from"] is None else torch.tensor(told["asked_from"])
            return columns or None
        bad = self._bad(split)
        made = self._encoded(self._rows(split, bad), split, bad)
        if self._cache is None:
            return made
        asked_from = None if self._asked_from is None else self._asked_from.tolist()
        told = {"tally": asdict(self.tallies[split]), "asked_from": asked_from}
        return self._cache.save(entry, told, made or {}) or None

    def _refuse_empty(self, split: str) -> None:
        """Raises DataError for a split without a row that has files of its own, or of which all is held out."""
        parts = self._locate().splits.get(split, [])
        if parts and self._split_column is None and (split != "train" or not self._held_out()):
            raise DataError(f"{parts[0].file}: {NO_ROW}")

    def _locate(self) -> Found:
        """The files of each split, once their columns were looked for. Raises DataError."""
        if self._found is None:
            columns = list(self._columns.values())
            found = (
                find(self._path, self._data_dir, self._name, self._about, self._format, columns)
                if self._drawn is None
                else Found({split: [Part(split, self._drawn)] for split in SPLITS})
            )
            further = [] if self._split_column is None else [self._split_column]
            for parts in found.splits.values():
                parts[0].format.check(parts[0].file, [*columns, *self._grouping.columns(), *further])
            self._found = found
        return self._found

    def _bad(self, split: str) -> BadRows:
        self.tallies[split] = Tally()
        return BadRows(self._on_bad_row)

    def _held_out(self) -> dict[str, float]:
        """The share of the training rows that each split without rows of its own has."""
        there = self._locate().splits
        shares = dict(zip(SPLITS[1:], self._shares, strict=True))
        return {split: share for split, share in shares.items() if share and split not in there}

    def _rows(self, split: str, bad: BadRows) -> "Iterator[Some]":
        """The rows of a split, in blocks. Raises DataError."""
        there = self._locate().splits
        if self._grouping.used:
            yield from self._sequences(split, bad)
            return
        # Lines that are no rows belong to no split: they are counted where the training rows are read.
        first = bad if split == "train" else BadRows(self._on_bad_row)
        if self._split_column is not None:
            for some in self._blocks([part for parts in there.values() for part in parts], first, [self._split_column]):
                yield some.only([place for place, name in enumerate(some.more[0]) if named(name) == split])
            return
        if split in there and split != "train":
            yield from self._blocks(there[split], bad)
            return
        held = self._held_out()
        if "train" not in there or (split != "train" and split not in held):
            return
        if not held:
            yield from self._blocks(there["train"], bad)
            return
        assigned = self._assignment(there["train"], held)
        if assigned is None:
            yield from self._share_of_document(there["train"], split, held, first)
            return
        mine, begin = SPLITS.index(split), 0
        for some in self._blocks(there["train"], first):
            good = np.array([(str(some.file), number) not in self._unusable for number in some.numbers])
            rows = np.full(len(good), SPLITS.index("train"), np.int8)  # where those that are bad are counted
            begin -= some.continues
            rows[good] = assigned[begin : begin + int(good.sum())]
            begin += int(good.sum())
            yield some.only(np.flatnonzero(rows == mine).tolist())

    def _assignment(self, parts: Sequence[Part], held: Mapping[str, float]) -> np.ndarray | None:
        """The split of each row that a field can use; None of running text that is one document, which is cut."""
        if self._assigned is None:
            skips, rows = self._on_bad_row == "skip", 0
            fields = copy.deepcopy(self._pristine)  # that find out which rows are bad, and are thrown away
            for part in parts:
                count = None if skips else part.format.count(part.file)
                if count is not None:
                    rows += count
                    continue
                for some in self._blocks([part], BadRows(self._on_bad_row)):
                    bad = self._observed(fields, some) if skips else {}
                    self._unusable |= {(str(some.file), some.numbers[place]) for place in bad}
                    rows += len(some.numbers) - some.continues - len(bad)
            if self.running and rows == 1:
                return None
            self._assigned = assign(rows, held.get("valid", 0.0), held.get("test", 0.0), self._seed)
        return self._assigned

    def _share_of_document(
        self, parts: Sequence[Part], split: str, held: Mapping[str, float], bad: BadRows
    ) -> "Iterator[Some]":
        """A part of a single document: training its beginning, test its end."""
        total = sum(len(some.values[self._target][0]) for some in self._blocks(parts, BadRows(self._on_bad_row)))
        valid, test = held.get("valid", 0.0), held.get("test", 0.0)
        cuts = [0, int(total * (1 - valid - test)), int(total * (1 - test)), total]
        begin, end = cuts[SPLITS.index(split)], cuts[SPLITS.index(split) + 1]
        whole = self.fields[self._target].level == "characters"  # type: ignore[attr-defined]
        read, began, done = 0, False, False
        for some in self._blocks(parts, bad):
            (text,) = some.values[self._target]
            first = _cut(text, begin - read, whole) if not began else 0
            last = _cut(text, end - read, whole) if end < total else None
            read += len(text)
            if first is None or done:
                continue
            piece = text[first:last]
            done = last is not None
            if piece:
                yield replace(some, values={self._target: [piece]}, continues=began)
                began = True

    def _sequences(self, split: str, bad: BadRows) -> "Iterator[Some]":
        """The sequences of a split that the rows of a table make."""
        there, held, grouping = self._locate().splits, self._held_out(), self._grouping
        own = split in there and split != "train"
        if not own and ("train" not in there or (split != "train" and split not in held)):
            return
        whole = self._gathered(there[split if own else "train"], bad)
        groups = grouping.groups(whole.key, whole.order, len(whole.numbers), str(whole.file))
        sequences = [Sequence_(rows) for rows in groups]
        if held and not own:
            sequences = self._held(groups, whole.order, split, held)
        pieces = [piece for one in sequences for piece in grouping.pieces(one)]
        if pieces:
            yield self._made_of(whole, pieces, bad)

    def _made_of(self, whole: "Whole", pieces: Sequence[Sequence_], bad: BadRows) -> "Some":
        """Sequences as rows, each with its list of values of every field that has steps."""
        stepped = {name: self.fields[name].kind.axis is Axis.STEP for name in self._columns}
        numbers, made, begins = [], [], []
        for piece in pieces:
            try:
                row = gathered({name: whole.values[name] for name in self._columns}, piece, stepped)
            except ValueError as error:
                bad(whole.file, whole.numbers[piece.rows[0]], str(error), whole.unit)
                continue
            made.append(row)
            numbers.append(whole.numbers[piece.rows[0]])
            begins.append(piece.asked_from)
        values = {name: [row[name] for row in made] for name in self._columns}
        return Some(whole.file, numbers, values, whole.unit, asked_from=begins)

    def _held(
        self, groups: Sequence[Sequence[int]], orders: Sequence[Any] | None, split: str, held: Mapping[str, float]
    ) -> list[Sequence_]:
        """The sequences of a split: groups of its own, or what comes last in each, with all that was before."""
        valid, test = held.get("valid", 0.0), held.get("test", 0.0)
        by = self._grouping.split or ("time" if self._target in self._inputs else "group")
        if by == "group":
            assigned = assign(len(groups), valid, test, self._seed)
            return [Sequence_(rows) for rows, one in zip(groups, assigned, strict=True) if SPLITS[one] == split]
        ends = by_time(groups, orders, (1 - valid - test, 1 - test))
        found = []
        for rows, (train, both) in zip(groups, ends, strict=True):
            first, last = {"train": (0, train), "valid": (train, both), "test": (both, len(rows))}[split]
            if last > first:
                found.append(Sequence_(rows[:last], first))
        return found

    def _gathered(self, parts: Sequence[Part], bad: BadRows) -> "Whole":
        """All rows of some files, with their groups and their order."""
        grouping = self._grouping
        whole = Whole(parts[0].file, parts[0].format.unit, [], {name: [] for name in self._columns}, [], [])
        for some in self._blocks(parts, bad, grouping.columns()):
            whole.numbers.extend(some.numbers)
            for name, column in some.values.items():
                whole.values[name].extend(column)
            more = list(some.more)
            whole.order_.extend(more.pop() if grouping.order is not None else ())
            whole.key_.extend(more.pop() if grouping.group is not None else ())
        return whole

    def _blocks(self, parts: Sequence[Part], bad: BadRows, beside: Sequence[Column] = ()) -> "Iterator[Some]":
        """All rows of some files, values of those fields that open files as paths. beside: further columns."""
        names = list(self._columns)
        columns = [*self._columns.values(), *beside]
        for part in parts:
            for rows in part.format.rows(part.file, columns, bad):
                values = dict(zip(names, rows.columns, strict=False))
                opening = [name for name in names if self.fields[name].opens_files]
                if opening:
                    base = part.format.base(part.file)
                    values |= {name: [_path(base, value) for value in values[name]] for name in opening}
                if self.running and not part.format.parted:
                    values = {name: [_unless_blank(value) for value in column] for name, column in values.items()}
                yield Some(
                    part.file, rows.numbers, values, part.format.unit, rows.continues, rows.columns[len(names) :]
                )

    def _observe(self, some: "Some", known: set[tuple[str, int]], bad: BadRows) -> None:
        """Show a block of training rows to every field, but for rows that are known to be bad."""
        kept = some.only([place for place, number in enumerate(some.numbers) if (str(some.file), number) not in known])
        problems = self._observed(self.fields, kept)
        self._tell(kept, problems, bad)
        known |= {(str(some.file), kept.numbers[place]) for place in problems}

    def _observed(self, fields: Mapping[str, Field], some: "Some") -> "Problems":
        """Show a block to some fields; what is wrong with its rows."""
        problems: Problems = {}
        for name, one in fields.items():
            try:
                one.observe(some.values[name])
            except BadValues as error:
                problems = {place: (name, reason) for place, reason in error.problems.items()} | problems
        return problems

    def _tell(self, some: "Some", problems: "Problems", bad: BadRows) -> None:
        """Count bad rows, or raise DataError for the first: by its field, and of files side by side by its file."""
        for place in sorted(problems):
            name, reason = problems[place]
            file = some.file
            if isinstance(file, Beside) and self._columns.get(name) in file.names:
                file = file.files[file.names.index(str(self._columns[name]))]
            bad(file, some.numbers[place], f"{name}: {reason}", some.unit)

    def _encoded(
        self, blocks: "Iterable[Some]", split: str, bad: BadRows, names: Sequence[str] = ()
    ) -> dict[str, Ragged] | None:
        """The columns of some rows; None where there are none. names: of the fields, in place of all."""
        where, asked_from = None, list[int]()
        with ExitStack() as stack:
            builders = {name: stack.enter_context(ColumnBuilder()) for name in names or self.fields}
            for some in blocks:
                where = where or (some.file if some.numbers else None)
                some, made = self._encode(some, split, bad, list(builders), asked=not names)
                asked_from += some.asked_from if made else ()
                for name, block in made.items():
                    builders[name].append(*block, continues=some.continues)
            columns = {name: builder.column() for name, builder in builders.items()}
        self._asked_from = torch.tensor(asked_from) if any(asked_from) else None
        if where is None:
            return None
        if any(column is None for column in columns.values()):
            raise DataError(f"{where}: {NO_ROW}")
        self.tallies[split].bad = bad.count
        return {name: column for name, column in columns.items() if column is not None}

    def _encode(
        self, some: "Some", split: str, bad: BadRows, names: Sequence[str], asked: bool
    ) -> "tuple[Some, dict[str, Block]]":
        """A block without its bad rows, and its encoded values; none where all are bad. asked: with its targets."""
        while some.numbers:
            problems: Problems = {}
            made = {name: self._encode_one(name, some, split, problems) for name in names}
            if not problems:
                problems = self._unaligned(made, asked)
            if not problems:
                self._count(made, split)
                return some, made
            self._tell(some, problems, bad)
            some = some.only([place for place in range(len(some.numbers)) if place not in problems])
        return some, {}

    def _encode_one(self, name: str, some: "Some", split: str, problems: "Problems") -> Block:
        one, unknown = self.fields[name], None
        block = Block(np.zeros(0), np.zeros(len(some.numbers), np.int64))
        try:
            block = one.encode(some.values[name])
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
        if name != self._target:  # a label that is read has a number for all that were never seen
            names = len(self._shape_of(name).names)
            return block._replace(
                flat=np.where(block.flat == UNKNOWN_LABEL, names - 1, block.flat).astype(block.flat.dtype)
            )
        if self._on_unknown_label == "skip":
            for place, reason in unknown.items():
                problems.setdefault(place, (name, reason))
        elif self._on_unknown_label == "raise":
            place = min(unknown)
            raise DataError(
                f"{some.file}, {some.unit} {some.numbers[place]}: {name}: {unknown[place]}; mend it, or count it as an "
                "error with data.on_unknown_label=count"
            )
        return block

    def _shape_of(self, name: str) -> Tokens:
        found = self.inputs if name == self.read.first else {**self.views, **self.wholes}[name]
        assert isinstance(found, Tokens)
        return found

    def _unaligned(self, made: Mapping[str, Block], asked: bool) -> "Problems":
        """What is wrong with rows whose columns have other numbers of steps than the first input, or one too few."""
        first = self.read.first
        aligned = list(self.read.views)
        if self.fields[self._target].kind.axis is Axis.STEP and self._target not in self._inputs:
            aligned.append(self._target)
        problems: Problems = {}
        for name in aligned if first is not None else ():
            if name in made:
                steps, others = made[first].lengths, made[name].lengths  # type: ignore[index]
                for place in np.flatnonzero(steps != others).tolist():
                    problems[place] = name, f"{others[place]} steps, and {first} has {steps[place]}"
        if asked and isinstance(self.asking, NextSteps) and not self._grouping.used:
            for place in np.flatnonzero(made[self._target].lengths < 2).tolist():
                problems[place] = self._target, "one step only, so there is nothing to predict"
        return problems

    def _count(self, made: Mapping[str, Block], split: str) -> None:
        """Count rows, and how many of the tokens read are unknown."""
        tally = self.tallies[split]
        tally.rows += len(next(iter(made.values())).lengths)
        if self._target in made:
            tally.unknown_labels += int(np.count_nonzero(made[self._target].flat == UNKNOWN_LABEL))
        for name, block in made.items():
            unknown = getattr(self.fields[name], "unknown", None)
            if unknown is not None:
                tally.tokens[name] = tally.tokens.get(name, 0) + len(block.flat)
                tally.unknown_tokens[name] = tally.unknown_tokens.get(name, 0) + unknown(block)

    def _examples(self, columns: Mapping[str, Ragged], split: str) -> Examples | Stream:
        if self.running and not (columns[self._target].lengths > 1).any():
            raise DataError(
                f"{self.where}: no document of the {split} split has two tokens, so there is nothing to predict; "
                "name more text with data.path="
            )
        if split == "train" and self.writing is not None:
            self._know(int(columns[self._target].lengths.max()) + 1)
        made = self.asking.examples(self._at_each_step(columns))
        if self._asked_from is not None and isinstance(made, Examples):
            shift = int(self._target in self._inputs)  # what is asked at a step is the step behind it
            made = replace(made, targets=asked_late(made.targets, self._asked_from - shift))
        if split == "train" and isinstance(made, Examples):
            made = replace(made, augment=self._augment())
        if isinstance(self.asking, NextSteps) and isinstance(made, Examples) and not _asks(made.targets):
            raise DataError(
                f"{self.where}: no row of the {split} split has {self._horizon or 1} steps to be forecast; lower "
                f"data.horizon, or give it a larger share"
            )
        return made

    def _augment(self) -> Augment | None:
        """What is done to training batches at random."""
        varied = {name: vary for name in self._inputs if (vary := getattr(self.fields[name], "vary", None)) is not None}
        of_target: Augment | None = getattr(self.fields[self._target], "augment", None)
        return Varied(self.read, varied) if varied else of_target

    @property
    def where(self) -> str:
        """What is read, for messages."""
        if self._drawn is not None:
            return "the drawn rows"
        path = self._path if self._path is not None else Path(self._data_dir) / str(self._name)
        return ", ".join(map(str, path)) if isinstance(path, list | tuple) else str(path)

    # -------------------------------------------------------------------------------------- what is asked of a run

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line what is read of one row, nothing asked. Raises DataError with the place.

        One text, or words with spaces between them, is the line itself; all else is JSON: a value, or where several
        columns are read an object of the inputs by name. where, first: what the lines are read from, and the number of
        the first.
        """
        rows = [self._parsed(line, f"{where}, line {number}") for number, line in enumerate(lines, first)]
        values = {name: [row[name] for row in rows] for name in self._inputs}
        examples, _ = self._answerable(Some(where, range(first, first + len(rows)), values), BadRows("raise"))
        assert examples is not None
        return examples

    def _parsed(self, line: str, place: str) -> dict[str, Any]:
        one_column = all(self._columns[name] == self._columns[self._inputs[0]] for name in self._inputs)
        if one_column and all(self.fields[name].kind.item is Item.TOKEN for name in self._inputs):
            if not line.strip():
                raise DataError(f"{place}: there is no text; take the line out")
            return dict.fromkeys(self._inputs, line)
        value = read_json(line, place)
        called = {*self._inputs, *(str(self._columns[name]) for name in self._inputs)}
        if one_column and not (isinstance(value, dict) and called & value.keys()):
            value = dict.fromkeys(self._inputs, value)
        if not isinstance(value, dict):
            raise DataError(f"{place}: it must be a JSON object with {', '.join(self._inputs)}")
        found = {one: value.get(one, value.get(str(self._columns[one]))) for one in self._inputs}
        missing = [one for one, each in found.items() if each is None and one not in value]
        if missing:
            hint = did_you_mean(missing[0], value)
            raise DataError(
                f"{place}: there is no {missing[0]}{hint}; it must be an object with {', '.join(self._inputs)}"
            )
        return {one: _path(Path(), each) if self.fields[one].opens_files else each for one, each in found.items()}

    def unlabelled(self, path: str, bad: BadRows) -> Iterator[tuple[Examples | None, Sequence[int]]]:
        """The rows of a file, or of a folder's test split, in blocks, nothing asked; it needs no column of targets.

        With each block the numbers of its rows, without those that are bad; None where all are. A file that is a value
        itself, such as a recording, is one row. Raises DataError.
        """
        without_target = copy.copy(self)
        without_target._columns = {name: self._columns[name] for name in self._inputs}
        yield from without_target._unlabelled(Path(path), bad)

    def _unlabelled(self, path: Path, bad: BadRows) -> Iterator[tuple[Examples | None, Sequence[int]]]:
        (name, *more) = self._inputs
        known = ending(path) if path.is_file() else None
        if not more and self.fields[name].opens_files and known is not None and known not in TABLES:
            yield self._answerable(Some(path, [1], {name: [path]}), bad)
            return
        reader = self._format if known is None or known in self._format.endings else Auto()
        columns = [*self._columns.values(), *self._grouping.columns()]
        found = find(str(path), self._data_dir, None, None, reader, columns)
        parts = found.splits[next(split for split in ("test", "valid", "train") if split in found.splits)]
        if not self._grouping.used:
            for some in self._blocks(parts, bad):
                yield self._answerable(some, bad)
            return
        whole = self._gathered(parts, bad)
        groups = self._grouping.groups(whole.key, whole.order, len(whole.numbers), str(whole.file))
        yield self._answerable(self._made_of(whole, [Sequence_(rows) for rows in groups], bad), bad)

    def _answerable(self, some: "Some", bad: BadRows) -> tuple[Examples | None, Sequence[int]]:
        """The rows that can be used, nothing asked, and their numbers; None where there were some and none can be."""
        self.tallies.setdefault(ASKED, Tally())
        kept, made = self._encode(some, ASKED, bad, self._inputs, asked=False)
        if not made and some.numbers:
            return None, ()
        made = made or {name: self._encode_one(name, some, ASKED, {}) for name in self._inputs}
        columns = {
            name: Ragged(torch.from_numpy(np.require(block.flat, requirements=["C", "W"])), offsets_of(block.lengths))
            for name, block in made.items()
        }
        return self.asking.without_targets(self._at_each_step(columns)), kept.numbers

    def remarks(self, splits: Sequence[str] = SPLITS) -> list[str]:
        """What a person should know of what was read: sentences. splits: those that were read; ASKED: by predict."""
        found = [] if list(splits) == [ASKED] else self._remarks_of_files()
        for split in splits:
            if (tally := self.tallies.get(split)) is not None:
                found += tally.remarks(split)
        return found

    def _remarks_of_files(self) -> list[str]:
        located = self._locate()
        columns = [*self._columns.values(), *self._grouping.columns()]
        columns += [] if self._split_column is None else [self._split_column]
        found = list(located.told)
        for parts in located.splits.values():
            found += parts[0].format.remarks(parts[0].file, columns)
        part = next(iter(located.splits.values()))[0]
        names = part.format.header(part.file) if part.format.named else None
        if names is not None:
            known = set(used(resolve(columns, names, len(names), str(part.file))))
            unused = [name for place, name in enumerate(names) if place not in known]
            if unused:
                found.append(f"no field uses {counted(len(unused), 'column')}: {shown(', '.join(unused), 200)}")
        return list(dict.fromkeys(found))

    # ------------------------------------------------------------------------------------------------ what is shown

    def show(self, inputs: Tensor) -> str:
        """The first input of a row, for a person. inputs: [time] or [time feature]."""
        if self.read.first is None:
            return self.text(inputs)
        one = self.fields[self.read.first]
        show = getattr(one, "show", one.decode)
        found = show(inputs.numpy())
        if isinstance(found, list):
            found = " ".join(map(str, found[:SHOWN])) + (f" ... ({len(found)} steps)" if len(found) > SHOWN else "")
        return str(found).strip()

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Tokens that are never to be generated."""
        return self._forbidden()

    def encode(self, text: str) -> Tensor:
        """The tokens of a running text, [time] int64."""
        return torch.from_numpy(self.fields[self._target].encode([text]).flat.astype(np.int64))

    def decode(self, ids: Tensor) -> str:
        """The text of tokens [time]."""
        found: str = self.fields[self._target].encoding.decode(ids.tolist())  # type: ignore[attr-defined]
        return found

    def text(self, ids: Sequence[int] | Tensor) -> str:
        """What target ids say, up to the first end."""
        assert self.writing is not None
        own = [number for number in before_end(ids, self.writing) if number < self.targets.size - 2]
        return str(self.fields[self._target].decode(own)).strip()

    def words(self, ids: Sequence[int] | Tensor) -> list[str]:
        """Each target token by itself, as the label of an axis."""
        assert isinstance(self.targets, Tokens)
        return _labels(self.fields[self._target], self.targets, ids)

    def source_words(self, row: Tensor) -> list[str]:
        """Each position of a source by itself, as the label of an axis. row: [source_time ...]."""
        assert self.read.first is not None
        if isinstance(self.source, Image):
            rows, columns = self.source.regions
            return [f"{down + 1},{right + 1}" for down in range(rows) for right in range(columns)]
        if isinstance(self.source, Tokens):
            return _labels(self.fields[self.read.first], self.source, row)
        return [str(place) for place in range(1, len(row) + 1)]

    def encode_target(self, text: str) -> list[int]:
        """The ids of a target, or of its beginning. Raises DataError for a token that is never written."""
        field_ = self.fields[self._target]
        ids = field_.encode([text]).flat.astype(np.int64).tolist() if text.strip() else []
        unseen = field_.unseen(text)  # type: ignore[attr-defined]
        if unseen is not None:
            what = "word" if field_.level == "words" else "character"  # type: ignore[attr-defined]
            hint = did_you_mean(unseen, self.targets.names)  # type: ignore[union-attr]
            raise DataError(f"{what} '{shown(unseen)}' does not occur in the training rows{shown(hint, 200)}")
        return ids


ASKED = "input"  # what predict reads, as the name of a split
NO_ROW = "no row that can be used; name a file that has some with data.path="
SHOWN = 12  # steps of a row
TABLES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".txt")  # files whose values may name other files


@dataclass(frozen=True)
class Some:
    """Some rows of a file, by the fields that read them."""

    file: Any
    numbers: Sequence[int]
    values: Values
    unit: str = "line"  # what the numbers count
    continues: bool = False
    more: Sequence[Sequence[Any]] = ()  # columns that no field reads
    asked_from: Sequence[int] = ()  # of each row, the step from which on something is asked; empty: from the first

    def only(self, kept: Sequence[int]) -> "Some":
        """The rows at some positions."""
        values = {name: take(column, kept) for name, column in self.values.items()}
        goes_on = self.continues and bool(kept) and kept[0] == 0
        asked = take(self.asked_from, kept) if self.asked_from else ()
        return replace(self, numbers=take(self.numbers, kept), values=values, continues=goes_on, asked_from=asked)


@dataclass(frozen=True)
class Whole:
    """All rows of some files, to be put into sequences."""

    file: Any
    unit: str
    numbers: list[int]
    values: dict[str, list[Any]]
    key_: list[Any]
    order_: list[Any]

    @property
    def key(self) -> list[Any] | None:
        """What rows of one sequence share; None = all are one."""
        return self.key_ or None

    @property
    def order(self) -> list[Any] | None:
        """What they are sorted by; None = as they stand."""
        return self.order_ or None


def _asks(targets: Ragged | Tensor) -> bool:
    """Whether anything is asked."""
    return bool(asked(targets if isinstance(targets, Tensor) else targets.flat).any())


def _known(key: str, name: str | None, fields: Mapping[str, Field]) -> str:
    if name not in fields:
        hint = did_you_mean(str(name), fields) or f": add it with +field@data.fields.{name}=TYPE"
        raise ConfigurationError(f"{key}={name} is no field of this data{hint}")
    return str(name)


def _is_text(kind: Kind) -> bool:
    return kind.item is Item.TOKEN and kind.axis is Axis.SEQUENCE


def _stepped(space: Space) -> Space:
    """What is stepped through: of a picture its rows."""
    return Vector(space.size) if isinstance(space, Image) else replace(space, axis=Axis.STEP)


def _unless_blank(value: Any) -> Any:
    """A value, None for a text of white space alone: a row by itself is no piece of a document."""
    return None if isinstance(value, str) and not value.strip() else value


def _path(base: Path, value: Any) -> Any:
    """A name of a file as a path; what is no name is what the file holds."""
    return base / value if isinstance(value, str) else value


def _cut(text: str, place: int, whole: bool) -> int | None:
    """Where to cut a piece of text, at a place or, unless `whole`, behind the next white space; None = not in it."""
    if place <= 0:
        return 0
    if place >= len(text):
        return None
    if whole:
        return place
    return next((at + 1 for at in range(place, len(text)) if text[at].isspace()), len(text))


def _labels(one: Any, space: Tokens, ids: Sequence[int] | Tensor) -> list[str]:
    """The text of each token, or else its name: an end has no text, and that of a space would not be seen."""
    known = len(one.encoding.names) if hasattr(one, "encoding") else 0
    return [
        (one.encoding.decode([number]).strip() if number < known else "") or space.names[number]
        for number in map(int, ids)
    ]


def named(value: Any) -> str | None:
    """The split that a value of `data.split_column` names."""
    return next((split for split, names in CALLED.items() if str(value).strip().lower() in names), None)
