"""The rows of another file than those of training, of which the inputs alone are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from seqnet.data.fields.raw import missing
from seqnet.data.files import BadRows
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.csv import Csv
from seqnet.data.formats.find import Part, find
from seqnet.data.formats.format import Column, Format
from seqnet.data.formats.names import ending
from seqnet.data.formats.table import Table as Cells
from seqnet.data.grouping import Grouping, Sequence_
from seqnet.data.layout import Layout
from seqnet.data.located import Located
from seqnet.data.raw_block import RawBlock
from seqnet.data.read import Read, called, everything, name_of, rows_of, sequence_of
from seqnet.data.sequences import Table
from seqnet.data.training_table import TrainingTable
from seqnet.kinds import AHEAD, Axis

TABLES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".txt")  # files whose values may name other files


@dataclass(frozen=True)
class Unlabelled:
    """Rows with what stood there. names: of all columns; format: in which the same is written."""

    names: tuple[str, ...]
    format: Format
    blocks: Iterator[tuple[RawBlock, list[Read]]]


def unlabelled(
    path: Path, located: Located, layout: Layout, grouping: Grouping, trained: TrainingTable | None, bad: BadRows
) -> Unlabelled:
    """The rows of a file, or of a folder's test split, read as those of training are. Raises DataError.

    A file that is a value itself, such as a recording, is one row. trained: the table of training, where it is known.
    """
    (name, *more) = layout.inputs
    known = ending(path) if path.is_file() else None
    if not more and name in located.opening and known is not None and known not in TABLES:
        label = name_of(located.columns[name], name)
        read = Read(1, {label: str(path)}, path)
        return Unlabelled((label,), Csv(), iter([(RawBlock(path, [1], {name: [path]}, "file"), [read])]))
    inputs = located.only(layout.inputs)
    format = _format(inputs, known)
    columns = [*inputs.columns.values(), *grouping.columns()]
    splits = find(str(path), inputs.data_dir, None, None, format, columns).splits
    parts = splits[next(split for split in ("test", "valid", "train") if split in splits)]
    headed = False
    if trained is not None and parts[0].format.named:
        parts, headed = [trained.same_header(part) for part in parts], trained.names is not None
    there, all_ = everything(parts, columns)
    if trained is not None and headed:
        same = partial(trained.same, there=there, where=str(parts[0].file))
        inputs = replace(inputs, columns={one: same(column) for one, column in inputs.columns.items()})
        grouping = grouping.by_columns(same)
        columns = [*inputs.columns.values(), *grouping.columns()]
    elif trained is not None and isinstance(parts[0].format, Cells) and layout.target not in layout.inputs:
        target = located.columns[layout.target]
        trained.check_positions(inputs.columns, target, len(there), str(parts[0].file))
    names = called(there, {} if headed else inputs.columns)
    if grouping.used:
        blocks = _sequences(parts, inputs, layout, grouping, bad, names, all_)
    else:
        blocks = _rows(parts, inputs, name, bad, names, all_)
    return Unlabelled(names, parts[0].format.like(parts[0].file, columns), blocks)


def _format(inputs: Located, known: str | None) -> Format:
    """The format of a file with this ending, None of a folder: that of the run, unless the file is of another kind.

    Where the user said the format, files of its endings are read in it, and those of the training files', texts (.txt),
    and files whose names say nothing.
    """
    said, auto = inputs.format, Auto(getattr(inputs.format, "encoding", "utf-8"))
    paths = [inputs.path or ""] if isinstance(inputs.path, str | Path | None) else inputs.path
    mine = {*said.endings, *(ending(Path(path)) for path in paths), *(() if said.local else (".txt",))}
    fits = bool(said.endings) and (known in mine or known not in auto.by_ending)
    return said if known is None or isinstance(said, Auto) or fits else auto


def _rows(
    parts: Sequence[Part], inputs: Located, first: str, bad: BadRows, names: Sequence[str], all_: Column
) -> Iterator[tuple[RawBlock, list[Read]]]:
    """Each row by itself. all_: all columns as one value, with their names."""
    for block in inputs.blocks(parts, bad, [all_]):
        values = rows_of(names, block.more[0])
        if parts[0].format.partial:
            values = [{name: value for name, value in row.items() if value is not None} for row in values]
        rows = zip(block.numbers, values, block.values[first], strict=True)
        yield block, [Read(*row) for row in rows]


def _sequences(
    parts: Sequence[Part],
    inputs: Located,
    layout: Layout,
    grouping: Grouping,
    bad: BadRows,
    names: Sequence[str],
    all_: Column,
) -> Iterator[tuple[RawBlock, list[Read]]]:
    """The sequences that rows make."""
    table = Table.of(inputs.blocks(parts, bad, [all_, *grouping.columns()]), parts[0], inputs.columns, grouping)
    values = rows_of(names, table.more)
    same = [name for name in names if name == str(grouping.group)]
    groups = table.groups(grouping, bad)
    stand = table.numbers if len(parts) == 1 else range(len(values))  # of several files numbers are there twice
    read = []
    for places in groups:
        rows = [(stand[place], values[place]) for place in places]
        first = [table.values[layout.inputs[0]][place] for place in places]
        known = _known_steps([table.values[layout.target][place] for place in places]) if layout.forecasts else None
        behind = (known or len(rows)) - 1
        read.append(Read(table.numbers[places[0]], sequence_of(names, rows, same), first, rows, behind))
    yield table.rows([Sequence_(rows) for rows in groups], layout.stepped, bad), read


def up_to_now(block: RawBlock, layout: Layout) -> RawBlock:
    """Rows of a series that is forecast, without last steps that hold no value: these say what is known ahead."""
    now = [_known_steps(value) for value in block.values[layout.target]]
    cut = [
        name
        for name, one in layout.fields.items()
        if name in block.values and one.kind.axis is Axis.STEP and AHEAD not in one.kind.traits
    ]
    values = {
        name: [value if step is None else value[:step] for value, step in zip(block.values[name], now, strict=True)]
        for name in cut
    }
    return replace(block, values={**block.values, **values})


def _known_steps(value: Any) -> int | None:
    """How many steps a list has up to the last that is no gap; None where it is no list, or has no gap at its end."""
    if not isinstance(value, list) or not value or not _blank(value[-1]):
        return None
    return next((step for step in range(len(value), 0, -1) if not _blank(value[step - 1])), 0)


def _blank(value: Any) -> bool:
    return all(map(_blank, value)) if isinstance(value, list) and value else missing(value)
