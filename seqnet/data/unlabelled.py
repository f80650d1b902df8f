"""The rows of another file than those of training, of which the inputs alone are read."""

from collections.abc import Iterator
from pathlib import Path

from seqnet.data.files import BadRows
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.find import find
from seqnet.data.formats.names import ending
from seqnet.data.grouping import Grouping, Sequence_
from seqnet.data.layout import Layout
from seqnet.data.located import Located
from seqnet.data.raw_block import RawBlock
from seqnet.data.sequences import Table

TABLES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".txt")  # files whose values may name other files


def unlabelled(path: Path, located: Located, layout: Layout, grouping: Grouping, bad: BadRows) -> Iterator[RawBlock]:
    """The rows of a file, or of a folder's test split, read as those of training are. Raises DataError.

    A file that is a value itself, such as a recording, is one row.
    """
    (name, *more) = layout.inputs
    known = ending(path) if path.is_file() else None
    if not more and name in located.opening and known is not None and known not in TABLES:
        yield RawBlock(path, [1], {name: [path]})
        return
    read = located.only(layout.inputs)
    format = read.format if known is None or known in read.format.endings else Auto()
    columns = [*read.columns.values(), *grouping.columns()]
    splits = find(str(path), read.data_dir, None, None, format, columns).splits
    parts = splits[next(split for split in ("test", "valid", "train") if split in splits)]
    if not grouping.used:
        yield from read.blocks(parts, bad)
        return
    table = Table.of(read.blocks(parts, bad, grouping.columns()), parts[0], read.columns, grouping)
    yield table.rows([Sequence_(rows) for rows in table.groups(grouping)], layout.stepped, bad)
