"""Rows of named columns out of files: formats say what a file holds, fields what a column is, the target what for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor

from seqnet import strict_json
from seqnet.batch import WORDS, Batch, Seen, has_target
from seqnet.data import legible
from seqnet.data.asking import Inputs, NextSteps, asked_late
from seqnet.data.cache import Cache
from seqnet.data.copied import Copied
from seqnet.data.encoded import NO_ROW, Encoded, Encoder
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.data.exported_layout import exported_layout
from seqnet.data.fields.field import Field
from seqnet.data.files import BadRows
from seqnet.data.fitted import Fitted, fitted
from seqnet.data.formats.format import Column, Format
from seqnet.data.formats.generated import Generated
from seqnet.data.generation import SPLITS
from seqnet.data.grouping import Grouping
from seqnet.data.input_lines import as_given, as_read, given, parsed
from seqnet.data.kept import is_large, kept
from seqnet.data.layout import lay_out
from seqnet.data.learning import check_stored, learn, restored
from seqnet.data.located import Located
from seqnet.data.places import Places
from seqnet.data.raw_block import RawBlock
from seqnet.data.read import Read, ReadBlock, ReadFile, name_of
from seqnet.data.split_of import SplitOf
from seqnet.data.split_rows import SplitRows
from seqnet.data.tally import ASKED, Tally
from seqnet.data.teacher_forcing import strip_special
from seqnet.data.training_table import TrainingTable
from seqnet.data.unlabelled import unlabelled, up_to_now
from seqnet.data.varied import augmented
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import Kind
from seqnet.options import COLUMN, NAMES, PATHS, Dropout, FolderName, NotEmpty, Steps, or_null
from seqnet.options import of as options_of
from seqnet.progress import Reached, progress
from seqnet.specs import Tokens

NUMBERS = "<numbers>"  # the column of where rows stand, as it is kept


class Dataset:
    """Columns of files, each read by a field; some are inputs, one is asked for.

    fields: by name; columns: the column of each, where it is not called as the field. inputs: what the model reads,
    the first of which it steps through or, of a target that is written, reads whole; further ones are aligned with its
    steps, or read whole beside it. target: what is asked: once a row, at every step, as tokens to be written; a target
    that is an input too is asked for at its next step, or the next `horizon` ones; lags: so many of its last values are
    read by the output layer too. rows: how rows make sequences, as for `Grouping`. format, path, name, about: as for
    `find`. split_column: says of each row whether it is train, valid or test. A split without rows of its own is a
    share of the training rows, drawn by the seed, of a single document its end. on_bad_row: `raise`, or `skip` and
    count. on_unknown_label: a target that training never saw, elsewhere: `count` it as an error, `skip` its row or
    `raise`. cache: what is made of large files is kept for the next run. generated: rows that are drawn where neither
    path nor name is given. described: all options, as plain values, by which it is found again; None: it is not kept.
    split_values: by split, the values of split_column that are of it, all others being of train; None: they are called
    as the splits are. num_workers: how many processes share out the rows of large files, and those whose values are
    files; they change no number. Raises ConfigurationError.
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
        horizon: Steps | None = None,
        lags: Steps | None = None,
        rows: Mapping[str, Any] | None = None,
        split_column: Annotated[Column | None, or_null(COLUMN)] = None,
        valid_share: Dropout = 0.1,
        test_share: Dropout = 0.0,
        on_bad_row: Literal["raise", "skip"] = "raise",
        on_unknown_label: Literal["count", "skip", "raise"] = "count",
        cache: bool = True,
        generated: Generated | None = None,
        described: Mapping[str, Any] | None = None,
        split_values: Mapping[str, Any] | None = None,
        num_workers: int = 0,
    ) -> None:
        BadRows(on_bad_row)  # refuses what is no way
        self._num_workers = num_workers
        self._on_unknown_label = on_unknown_label
        generated = generated if path is None and name is None else None
        found_again = described if cache and generated is None else None
        self._described = None if found_again is None else {**found_again, "seed": seed}
        self._layout = layout = lay_out(fields, inputs, target, horizon, lags)
        self.fields = layout.fields
        columns = {one: (columns or {}).get(one, one) for one in layout.fields}
        self._grouping = _grouping(rows or {})
        if layout.running and self._grouping.used:
            raise ConfigurationError(
                f"data.rows makes sequences of the rows of a table, and {target} is a text read from end to end: "
                "leave data.rows out"
            )
        self._located = Located(
            path,
            data_dir,
            name,
            about,
            format,
            columns,
            further=[*self._grouping.columns(), *([] if split_column is None else [split_column])],
            opening=frozenset(name for name, one in layout.fields.items() if one.opens_files),
            running=layout.running,
            generated=generated,
        )
        shares, split_of = (valid_share, test_share), SplitOf.called(split_values, split_column)
        self._rows = SplitRows(self._located, layout, self._grouping, split_column, split_of, shares, seed, on_bad_row)
        self.tallies: dict[str, Tally] = {}
        self._table: TrainingTable | None = None  # what the training file's columns are called, once they were read
        self._rows_seen: int | None = None  # training rows, while the fields learned from them
        self._done: dict[str, Examples | Stream] = {}
        self.copied: Copied | None = None  # words that no vocabulary has, once they are asked for
        self._beside: dict[str, Encoded | None] = {}  # splits that were read with train

    # ------------------------------------------------------------------------- what is known before data is read

    @property
    def first(self) -> str | None:
        """The name of the input that a model steps through, or reads whole as the source; None where there is none."""
        return self._layout.read.first

    @property
    def input_kinds(self) -> dict[str, Kind]:
        """What each input holds: the first, unless it is a source, step by step."""
        return self._layout.input_kinds

    @property
    def target_kind(self) -> Kind:
        """What is asked: a field's next steps where it is an input too."""
        return self._layout.target_kind

    @property
    def read(self) -> Inputs:
        """What each input is to a model: the first, those of the same steps, and those that are read whole."""
        return self._layout.read

    @property
    def target(self) -> str:
        """The name of the field that is asked for."""
        return self._layout.target

    @property
    def target_column(self) -> str:
        """What the column of the field is called that is asked for."""
        return self._column_name(self.target)

    def _column_name(self, field: str) -> str:
        return name_of(self._located.columns[field], field)

    @property
    def format(self) -> Format:
        """The format of its files."""
        return self._located.format

    @property
    def running(self) -> bool:
        """Whether the target is the text that is read, from end to end."""
        return self._layout.running

    @property
    def forecasts(self) -> bool:
        """Whether the next steps of numbers are asked for, so that a row's answer is that of its last step."""
        return self._layout.forecasts

    @property
    def horizon(self) -> int:
        """How many next steps are asked for at once."""
        return self._layout.horizon or 1

    @property
    def where(self) -> str:
        """What is read, for messages."""
        return self._located.where

    @property
    def named_splits(self) -> tuple[str, ...]:
        """The splits that may have rows; `train` alone where nothing says of which they are. Raises DataError."""
        return SPLITS if self._rows.column is not None else tuple(self._located.splits)

    @property
    def kept(self) -> bool:
        """Whether what is made of its files is kept, so that another process need not make it again."""
        return self._cache is not None

    # -------------------------------------------------------------------------------------------- what is learned

    def fit(self) -> None:
        """Learn every field from the training rows, and encode these. Raises DataError with file and line."""
        before = None if self._cache is None else self._cache.load("learned")
        if before is None:
            self.fields = learn(self._layout.fields, self._located.columns, self._first_look, self._workers)
        else:
            self.fields = restored(self._layout.fields, before[0])
        self._know(fitted(self._layout, self.fields, self._located.columns))
        parts = self._located.splits.get("train", ())
        self._table = TrainingTable.of(parts[0], self._located.asked) if parts else None
        if before is None:
            self._encode_mixed()
        if self.split("train") is None:
            raise DataError(
                f"{self.where}: there are no training rows; name some with data.path=, and do not hold out all of them"
            )
        if before is None and self._cache is not None:  # nothing is kept of files that are refused
            self._cache.save("learned", {name: one.state() for name, one in self.fields.items()}, {})

    def _know(self, found: Fitted) -> None:
        """Set what a model and a task are told."""
        self._fitted = found
        self.inputs, self.targets = found.inputs, found.targets
        self.views, self.wholes, self.source = found.views, found.wholes, found.source
        self.writing, self.step, self.recent = found.writing, found.step, found.recent

    @cached_property
    def _workers(self) -> int:
        """How many processes read and encode: beginning them takes longer than what is small."""
        if self._grouping.used or self._located.generated is not None:
            return 0
        return self._num_workers if self._located.opening or is_large(self._located) else 0

    @cached_property
    def _cache(self) -> Cache | None:
        return kept(self._located, self._described, [*self.fields.values(), self._located.format, self])

    def state(self) -> dict[str, Any]:
        """What each field learned, how long the longest target that is written is, and what the columns are called."""
        longest = None if self.writing is None else self.writing.longest
        table = None if self._table is None else self._table.state()
        return {"fields": {name: one.state() for name, one in self.fields.items()}, "longest": longest, "table": table}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        check_stored(state, self._layout)
        self.fields = restored(self._layout.fields, state["fields"])
        found = fitted(self._layout, self.fields, self._located.columns)
        self._know(found.writing_at_most(state["longest"] or 1))
        self._table = TrainingTable.of_state(state.get("table"))  # which a run that was stored before it lacks

    # ------------------------------------------------------------------------------------------------ what is read

    def split(self, name: str) -> Examples | Stream | None:
        """The rows of `train`, `valid` or `test`; None where there is no such split. Raises DataError."""
        if name not in self._done:
            encoded = self._encoded(name)
            if encoded is None:
                self._refuse_empty(name)
                return None
            self._done[name] = self._examples(encoded, name)
        return self._done[name]

    def _encoded(self, split: str) -> Encoded | None:
        """The columns of a split, as they are kept or made now. Raises DataError."""
        if split in self._beside:
            return self._beside.pop(split)
        cache = self._cache
        before = None if cache is None else cache.load(self._entry(split))
        if before is not None:
            told, columns = before
            self.tallies[split] = Tally(**told["tally"])
            asked_from = None if told["asked_from"] is None else torch.tensor(told["asked_from"])
            stand = None if told["places"] is None else Places.of_kept(told["places"], columns.pop(NUMBERS))
            return Encoded(columns, asked_from, stand) if columns else None
        blocks, bad = self._blocks(split)
        return self._made(((split, block) for block in blocks), {split: bad})[split]

    def _encode_mixed(self) -> None:
        """Read files that hold the rows of several splits once for all of these."""
        splits = self._rows.mixed
        if not splits:
            return
        bad = {split: BadRows(self._rows.on_bad_row) for split in splits}
        self.tallies |= {split: Tally() for split in splits}
        self._beside = self._made(self._rows.apart(splits, bad["train"], self.tallies["train"]), bad)

    def _made(self, blocks: Iterable[tuple[str, RawBlock]], bad: Mapping[str, BadRows]) -> dict[str, Encoded | None]:
        """The columns of some splits, which are kept. blocks: each with its split. Raises DataError."""
        what = "encoding " + ("train" if "train" in bad else ", ".join(bad))
        with progress(what, self._rows_seen if "train" in bad else None, "rows") as reached:
            told = {split: (self.tallies[split], one) for split, one in bad.items()}
            made = self._encoder.splits(_told(blocks, next(iter(bad)), reached), told, self._workers)
        return {split: self._saved(split, one) for split, one in made.items()}

    def _saved(self, split: str, made: Encoded | None) -> Encoded | None:
        """The columns of a split from where they are kept, if they are."""
        cache = self._cache
        if cache is None:
            return made
        late = None if made is None or made.asked_from is None else made.asked_from.tolist()
        told = {"tally": asdict(self.tallies[split]), "asked_from": late, "places": None}
        columns = {} if made is None else dict(made.columns)
        if made is not None and made.places is not None:
            told["places"], columns[NUMBERS] = made.places.kept()
        columns = cache.save(self._entry(split), told, columns)
        columns.pop(NUMBERS, None)
        return None if made is None else replace(made, columns=columns)

    def _entry(self, split: str) -> str:
        """What a split is kept under."""
        return f"{split} {strict_json.dumps(self.state()['fields'], sort_keys=True)}"

    def _first_look(self) -> tuple[Iterator[RawBlock], BadRows]:
        """The training rows, which are counted."""
        blocks, bad = self._blocks("train")

        def reached(rows: float) -> None:
            self._rows_seen = int(rows)

        return (block for _, block in _told((("train", block) for block in blocks), "train", reached)), bad

    def _blocks(self, split: str) -> tuple[Iterator[RawBlock], BadRows]:
        """The rows of a split, which are counted anew, and what is done with bad ones."""
        self.tallies[split], bad = Tally(), BadRows(self._rows.on_bad_row)
        return self._rows.blocks(split, bad, self.tallies[split]), bad

    @property
    def _encoder(self) -> Encoder:
        return Encoder(self._fitted, self._located.columns, self._on_unknown_label, self._grouping.used)

    @property
    def bad_rows(self) -> int:
        """How many rows were left out."""
        return sum(tally.bad for tally in self.tallies.values())

    def _refuse_empty(self, split: str) -> None:
        """Raises DataError for a split without a row that has files of its own, or of which all is held out."""
        parts = self._located.splits.get(split, [])
        if parts and self._rows.column is None and (split != "train" or not self._rows.held_out()):
            raise DataError(f"{parts[0].file}: {NO_ROW}")

    def _examples(self, encoded: Encoded, split: str) -> Examples | Stream:
        columns = encoded.columns
        if self.running and not (columns[self.target].lengths > 1).any():
            raise DataError(
                f"{self.where}: no document of the {split} split has two tokens, so there is nothing to predict; "
                "name more text with data.path="
            )
        if split == "train" and self.writing is not None:
            self._know(self._fitted.writing_at_most(int(columns[self.target].lengths.max()) + 1))
        asking = self._fitted.asking
        made = asking.examples(self._fitted.at_each_step(columns))
        if isinstance(made, Stream):
            return made
        made = replace(made, places=encoded.places)
        if self.copied is not None:  # what no vocabulary has was not kept: it is read again
            blocks = self._rows.blocks(split, BadRows("skip"), Tally())
            kept = (self._encoder.block(raw, Tally(), BadRows("skip"), list(self.fields))[0] for raw in blocks)
            made = self._with_words(made, kept, asked=True)
        if encoded.asked_from is not None:
            shift = int(self._layout.again)  # what is asked at a step is the step behind it
            made = replace(made, targets=asked_late(made.targets, encoded.asked_from - shift))
        if split == "train":
            made = replace(made, augment=augmented(self._layout))
        if isinstance(asking, NextSteps) and not _asks(made.targets):
            raise DataError(
                f"{self.where}: no row of the {split} split has {self._layout.horizon or 1} steps to be forecast; "
                "lower data.horizon, or give it a larger share"
            )
        return made

    def copy_words(self) -> None:
        """From now on rows are told with their words too, see `WORDS`. Of a source and a target that are words."""
        if self.copied is None:
            assert isinstance(self.targets, Tokens)
            self.copied, self._done = Copied(self.targets.names), {}

    def _with_words(self, examples: Examples, blocks: Iterable[RawBlock], asked: bool) -> Examples:
        """Examples of raw rows, of which none is bad, with the words of these. asked: those of the targets too."""
        if self.copied is None or self.first is None:
            return examples
        source: list[list[str]] = []
        target: list[list[str]] = []
        for raw in blocks:
            source += self.fields[self.first].words(raw.values[self.first])  # type: ignore[attr-defined]
            if asked:
                target += self.fields[self.target].words(raw.values[self.target])  # type: ignore[attr-defined]
        views = {**examples.views, WORDS: self.copied.targets(target)} if asked else examples.views
        return replace(examples, views=views, wholes={**examples.wholes, WORDS: self.copied.source(source)})

    def remarks(self, splits: Sequence[str] = SPLITS) -> list[str]:
        """What a person should know of what was read: sentences. splits: those that were read; ASKED: by predict."""
        found = [] if list(splits) == [ASKED] else self._located.remarks()
        for split in splits:
            if (tally := self.tallies.get(split)) is not None:
                found += tally.remarks(split)
        return found

    # -------------------------------------------------------------------------------------- what is asked of a run

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line what is read of one row, nothing asked. Raises DataError with the place.

        One text, or words with spaces between them, is the line itself; all else is JSON: a value, or where several
        columns are read an object of the inputs by name. where, first: what the lines are read from, and the number of
        the first.
        """
        inputs, columns = self._layout.inputs, self._located.columns
        return self._asked(
            [
                parsed(line, f"{where}, line {number}", inputs, self.fields, columns)
                for number, line in enumerate(lines, first)
            ],
            where,
            first,
            "line",
        )

    def read_values(self, values: Iterable[Any], where: str, first: int = 1) -> Examples:
        """The same of values as JSON has them: of one column the value itself, else a dict of the inputs by name."""
        inputs, columns = self._layout.inputs, self._located.columns
        return self._asked(
            [
                given(value, f"{where}, row {number}", inputs, self.fields, columns)
                for number, value in enumerate(values, first)
            ],
            where,
            first,
            "row",
        )

    def _asked(self, rows: Sequence[Mapping[str, Any]], where: str, first: int, unit: str) -> Examples:
        values = {name: [row[name] for row in rows] for name in self._layout.inputs}
        raw = RawBlock(where, range(first, first + len(rows)), values, unit)
        examples, _ = self._answerable(raw, BadRows("raise"))
        assert examples is not None
        return examples

    def as_read(self, line: str, number: int) -> Read:
        """What a line that `read_inputs` takes says, to be repeated beside its answer."""
        return as_read(line, number, self._layout.inputs, self.fields, self._located.columns)

    def as_given(self, value: Any, number: int) -> Read:
        """What a value that `read_values` takes says."""
        return as_given(value, number, self._layout.inputs, self._located.columns)

    def is_header(self, line: str) -> bool:
        """Whether a line is the header of the training file, or of one that holds some of its columns."""
        return self._table is not None and self._table.is_header(line, self._column_name(self._layout.inputs[0]))

    def shows_inputs(self, path: Path) -> bool:
        """Whether a look at a file finds columns for all inputs, of which there are several. Raises DataError."""
        inputs, names = self._layout.inputs, self.format.header(path)
        return len(inputs) > 1 and all(self._located.columns[name] in (names or ()) for name in inputs)

    def unlabelled(self, path: str, bad: BadRows) -> ReadFile:
        """The rows of a file, or of a folder's test split, in blocks, nothing asked; it needs no column of targets.

        A file that is a value itself, such as a recording, is one row. Raises DataError.
        """
        found = unlabelled(Path(path), self._located, self._layout, self._grouping, self._table, bad)
        blocks = (ReadBlock(block.file, *self._answerable(block, bad), read) for block, read in found.blocks)
        return ReadFile(found.names, found.format, blocks)

    def _answerable(self, raw: RawBlock, bad: BadRows) -> tuple[Examples | None, Sequence[int]]:
        """The rows that can be used, nothing asked, and their numbers; None where there were some and none can be."""
        tally = self.tallies.setdefault(ASKED, Tally())
        raw = up_to_now(raw, self._layout) if self.forecasts else raw
        columns, numbers = self._encoder.inputs(raw, tally, bad)
        if columns is None:
            return None, numbers
        if isinstance(self._fitted.asking, NextSteps):
            tally.add_short(self._fitted.asking.not_ahead(columns))
        made = self._fitted.asking.without_targets(self._fitted.at_each_step(columns))
        if self.copied is None:
            return made, numbers
        used = set(numbers)
        kept = raw.only([place for place, number in enumerate(raw.numbers) if number in used])
        return self._with_words(made, [kept], asked=False), numbers

    # ------------------------------------------------------------------------------------------------ what is shown

    def show(self, inputs: Tensor) -> str:
        """The first input of a row, for a person. inputs: [time] or [time feature]."""
        first = self.first
        return self.text(inputs) if first is None else legible.show(self.fields[first], inputs)

    def cells(self, batch: Batch, row: int, first: str) -> dict[str, str]:
        """What a person reads of a row's inputs, by their columns; `first`: of the first."""
        assert self.first is not None
        found = {self._column_name(self.first): first}
        for name in self._layout.inputs:
            if name == self.first or not legible.by_itself(self.fields[name].kind):
                continue
            if name in batch.wholes:
                values, lengths = batch.wholes[name]
            else:
                values, lengths = batch.views[name], batch.lengths
            read = values[row] if lengths is None else values[row, : int(lengths[row])]
            found[self._column_name(name)] = legible.show(self.fields[name], read.cpu())
        return found

    def told(self, prediction: Any) -> Any:
        """What is predicted for a row, as the target's column is written: tags in the scheme of the file."""
        tell = getattr(self.fields[self.target], "told", None)
        return prediction if tell is None else tell(prediction)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported. Raises ConfigurationError where one of its fields says nothing of itself."""
        layout = self._layout
        said = exported_layout(layout, self.fields, self._located.columns)
        if layout.running:
            said["forbidden"] = list(self.forbidden)
        return said

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Tokens that are never to be generated."""
        found: tuple[int, ...] = self.fields[self.target].encoding.forbidden  # type: ignore[attr-defined]
        return found

    def encode(self, text: str) -> Tensor:
        """The tokens of a running text, [time] int64."""
        return torch.from_numpy(self.fields[self.target].encode([text]).flat.astype(np.int64))

    def decode(self, ids: Tensor) -> str:
        """The text of tokens [time]."""
        found: str = self.fields[self.target].encoding.decode(ids.tolist())  # type: ignore[attr-defined]
        return found

    def text(self, ids: Sequence[int] | Tensor) -> str:
        """What target ids say, up to the first end."""
        assert self.writing is not None
        own = strip_special(ids, self.writing)
        if self.copied is not None:
            return " ".join(self.copied.words(own))
        return str(self.fields[self.target].decode(own)).strip()

    def words(self, ids: Sequence[int] | Tensor) -> list[str]:
        """Each target token by itself, as the label of an axis."""
        assert isinstance(self.targets, Tokens)
        if self.copied is not None:
            return self.copied.words(map(int, ids))
        return legible.labels(self.fields[self.target], self.targets, ids)

    def known(self, ids: Sequence[int]) -> list[int]:
        """Target ids as a model reads them: the unknown one in the place of a word that the vocabulary lacks."""
        return [number if number < self.targets.size else self.unknown for number in ids]

    @property
    def unknown(self) -> int:
        """The id that is written for a word that the vocabulary lacks, of targets that have one."""
        found: int = self.fields[self.target].encoding.unknown  # type: ignore[attr-defined]
        return found

    @property
    def seen(self) -> Callable[[Tensor, Any], Seen] | None:
        """Gives what there is to see of (what was read of a row, its answer); None where the target has no picture.

        An answer is the ids that were written, or what a task predicts.
        """
        see = getattr(self.fields[self.target], "seen", None)
        return None if see is None else partial(self._seen, see)

    def _seen(self, see: Callable[[Any, Any], Seen], read: Tensor, answer: Any) -> Seen:
        if self._layout.written:
            return see([] if self.first is None else self.source_words(read), self.text(answer))
        return see(self.fields[self.target].decode(read) if self._layout.again else [], answer)

    def source_words(self, row: Tensor) -> list[str]:
        """Each position of a source by itself, as the label of an axis. row: [source_time ...]."""
        assert self.first is not None
        return legible.positions(self.fields[self.first], self.source, row)

    def encode_target(self, text: str) -> list[int]:
        """The ids of a target, or of its beginning. Raises DataError for a token that is never written."""
        assert isinstance(self.targets, Tokens)
        return legible.tokens_of(self.fields[self.target], self.targets.names, text)


def _grouping(options: Mapping[str, Any]) -> Grouping:
    """How rows make sequences. Raises ConfigurationError."""
    grouping = Grouping(**options)
    for key, option in options_of(Grouping).items():
        if (sentence := option.refusal(f"data.rows.{key}", getattr(grouping, key))) is not None:
            raise ConfigurationError(sentence)
    return grouping


def _told(blocks: Iterable[tuple[str, RawBlock]], split: str, reached: Reached) -> Iterator[tuple[str, RawBlock]]:
    """The same blocks, of which it is told how many rows of a split were used."""
    rows = 0
    for of, block in blocks:
        yield of, block
        rows += len(block.numbers) if of == split else 0
        reached(rows)


def _asks(targets: Ragged | Tensor) -> bool:
    """Whether anything is asked."""
    return bool(has_target(targets if isinstance(targets, Tensor) else targets.flat).any())
