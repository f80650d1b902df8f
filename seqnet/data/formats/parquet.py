"""Parquet files: columns that have names and types."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from seqnet.data.files import NEEDED, TRANSLATION, BadRows, check_size, one_sentence, opened
from seqnet.data.formats import format as sizes
from seqnet.data.formats import records
from seqnet.data.formats.columns import gather_block, resolve, used
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.opening import on_disk
from seqnet.errors import ConfigurationError


class Parquet(Format):
    """Rows of a parquet file; classes of a Hub data set are given by their names."""

    endings: ClassVar = (".parquet",)
    named: ClassVar = True
    unit: ClassVar = "row"
    local: ClassVar = True

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The columns. Raises DataError."""
        with _opened(file) as content:
            return _names(content)

    def check(self, file: Any, columns: Sequence[Column]) -> None:
        """Look in the schema whether the columns are there. Raises DataError with the nearest name."""
        records.check(self.header(file) or (), columns, str(file))

    def count(self, file: Any) -> int | None:
        """How many rows there are. Raises DataError."""
        with _opened(file) as content:
            found: int = content.metadata.num_rows
            return found

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen values, of these columns alone. Raises DataError."""
        with _opened(file) as content:
            there = content.schema_arrow.names
            names = records.with_paths(_names(content), columns)
            wanted = resolve(columns, names, len(names), str(file))
            read = {names[index] for index in used(wanted)}
            heads = {_head(name, there) for name in read}
            classes = _classes(content)
            first = 1
            for batch in content.iter_batches(sizes.ROWS, columns=sorted(heads), use_threads=False):
                lists = {head: batch.column(head).to_pylist() for head in heads}
                found = {name: _values(name, lists, there, classes) for name in read}
                values = gather_block(wanted, lambda index, found=found: found[names[index]])  # type: ignore[misc]
                yield Rows(range(first, first + batch.num_rows), values)
                first += batch.num_rows


@contextmanager
def _opened(file: Any) -> Iterator[Any]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigurationError(NEEDED) from error
    path = on_disk(file)
    with opened(path) as raw, one_sentence(f"{file}: cannot be read as parquet; name a whole file with data.path="):
        content = parquet.ParquetFile(raw)
        check_size(path, content.metadata)
        yield content


def _names(content: Any) -> tuple[str, ...]:
    names = list(content.schema_arrow.names)
    if names.count(TRANSLATION) == 1:
        kind = content.schema_arrow.field(TRANSLATION).type
        names += [kind.field(place).name for place in range(kind.num_fields)]
    return tuple(names)


def _head(name: str, there: Sequence[str]) -> str:
    """The column in which a name is found."""
    if name in there:
        return name
    return name.partition(".")[0] if name.partition(".")[0] in there else TRANSLATION


def _values(name: str, lists: dict[str, list[Any]], there: Sequence[str], classes: dict[str, list[str]]) -> list[Any]:
    if name not in there:
        head = _head(name, there)
        path = name if head == TRANSLATION and not name.startswith(f"{TRANSLATION}.") else name.partition(".")[2]
        return [records.value(row, path) if isinstance(row, dict) else None for row in lists[head]]
    return named(lists[name], classes.get(name))


def named(values: list[Any], names: Sequence[str] | None) -> list[Any]:
    """The names of classes in place of their numbers, where there are any."""
    if names is None:
        return values
    return [names[value] if isinstance(value, int) and 0 <= value < len(names) else value for value in values]


def _classes(content: Any) -> dict[str, list[str]]:
    said = json.loads((content.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
    features = said.get("info", {}).get("features", {})
    return {
        name: kind["names"]
        for name, kind in features.items()
        if isinstance(kind, dict) and kind.get("_type") == "ClassLabel" and isinstance(kind.get("names"), list)
    }
