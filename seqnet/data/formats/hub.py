"""Data sets of the Hugging Face Hub, by name."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from seqnet.data.files import TRANSLATION, BadRows, one_sentence
from seqnet.data.formats import records
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import gather_block, resolve, used
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.parquet import at_once, named

FEW = 64  # rows without pictures and sounds that are streamed at a time


class Hub(Format):
    """Rows of a split of a Hub data set, `owner/name` or `owner/name:configuration`; pictures and sounds as bytes."""

    endings: ClassVar = ()
    named: ClassVar = True
    unit: ClassVar = "row"

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The columns."""
        names = list(file.rows.column_names)
        inner = (file.rows.features or {}).get(TRANSLATION)
        return (*names, *(getattr(inner, "languages", None) or (inner if isinstance(inner, dict) else ())))

    def check(self, file: Any, columns: Sequence[Column]) -> None:
        """Look whether the columns are there. Raises DataError with the nearest name."""
        records.check(self.header(file) or (), columns, str(file))

    def count(self, file: Any) -> int | None:
        """How many rows there are; None of what is streamed, where nobody says it."""
        if file.streamed is None:
            return len(file.rows)
        split = (file.rows.info.splits or {}).get(file.rows.split)
        return None if split is None else split.num_examples or None

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen values, of these columns alone. Raises DataError."""
        blocks = self._blocks(file, columns)
        if file.streamed is None:
            return blocks
        # Nobody says how large their rows are: few come at a time, and make blocks by what they hold.
        return one_by_one(
            row for block in blocks for row in zip(block.numbers, zip(*block.columns, strict=True), strict=True)
        )

    def _blocks(self, file: Any, columns: Sequence[Column]) -> Iterator[Rows]:
        names = records.with_paths(self.header(file) or (), columns)
        wanted = resolve(columns, names, len(names), str(file))
        read = [names[index] for index in used(wanted)]
        there = file.rows.column_names
        heads = {name: name if name in there else _head(name, there) for name in read}
        table = file.rows.select_columns(sorted(set(heads.values())))
        features = table.features or {}
        with one_sentence(f"{file}: cannot be read; load it anew, or name a file with data.path="):
            rows = FEW
            for name, kind in features.items():
                if hasattr(kind, "decode") and isinstance(kind.decode, bool):  # pictures and sounds
                    table, rows = table.cast_column(name, type(kind)(decode=False)), 1
            if file.streamed is None:
                rows = at_once(len(file.rows), int(file.rows.data.nbytes))
            begin = 0
            for block in table.iter(rows):
                count = len(next(iter(block.values())))
                found = {
                    name: named(block[name], _classes(features.get(name)))
                    if name in there
                    else [records.value(records.flat({head: row}), name) for row in block[head]]
                    for name, head in heads.items()
                }
                values = gather_block(wanted, lambda index, found=found: found[names[index]])  # type: ignore[misc]
                yield Rows(range(begin + 1, begin + count + 1), values)
                begin += count


def _classes(kind: Any) -> Sequence[str] | None:
    """The names of the classes that a column, or a list in it, holds; None where it holds none."""
    if isinstance(kind, list):
        kind = kind[0]
    inner = getattr(kind, "feature", None)
    return getattr(kind, "names", None) if inner is None else _classes(inner)


def _head(name: str, there: Sequence[str]) -> str:
    return name.partition(".")[0] if name.partition(".")[0] in there else TRANSLATION
