"""Parquet files: columns that have names and types."""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from seqnet.data.files import NEEDED, TRANSLATION, BadRows, check_size, one_sentence, opened, shown
from seqnet.data.formats import format as sizes
from seqnet.data.formats import records
from seqnet.data.formats.columns import gather_block, resolve, used
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.opening import on_disk
from seqnet.data.formats.written import cell, whole
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
            first, rows = 1, at_once(content.metadata.num_rows, _size_of(content, heads))
            for batch in content.iter_batches(rows, columns=sorted(heads), use_threads=False):
                lists = {head: batch.column(head).to_pylist() for head in heads}
                found = {name: _values(name, lists, there, classes) for name in read}
                values = gather_block(wanted, lambda index, found=found: found[names[index]])  # type: ignore[misc]
                yield Rows(range(first, first + batch.num_rows), values)
                first += batch.num_rows

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes blocks of rows; a column is of the type that its values in the first block have, or else text.

        Raises ConfigurationError where pyarrow is not installed.
        """
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise ConfigurationError(NEEDED) from error
        blocks = _Blocks(pyarrow, names)
        with ExitStack() as stack:

            def flush() -> None:
                batch = blocks.batch()
                if blocks.to is None:
                    blocks.to = stack.enter_context(parquet.ParquetWriter(path, batch.schema))
                blocks.to.write_batch(batch)

            def write(row: Mapping[str, Any]) -> None:
                blocks.held.append([row.get(name) for name in names])
                if len(blocks.held) >= sizes.ROWS:
                    flush()

            yield write
            if blocks.held or blocks.to is None:
                flush()


class _Blocks:
    """Rows to be written, and the type of each column: what the values of the first block are, or else text."""

    def __init__(self, arrow: Any, names: Sequence[str]) -> None:
        self._arrow, self._names = arrow, names
        self._kinds: list[Any] = []
        self.held: list[list[Any]] = []
        self.to: Any = None

    def batch(self) -> Any:
        """The rows that are held, which are let go. Raises ConfigurationError where later ones are of other types."""
        columns = list(zip(*self.held, strict=True)) if self.held else [()] * len(self._names)
        self._kinds = self._kinds or list(map(self._kind, columns))
        arrays = list(map(self._array, self._names, columns, self._kinds))
        self.held = []
        return self._arrow.record_batch(arrays, names=list(self._names))

    def _kind(self, column: Sequence[Any]) -> Any:
        try:
            found = self._arrow.infer_type(column)
        except self._arrow.ArrowException:
            return self._arrow.string()
        return self._arrow.string() if found in (self._arrow.null(), self._arrow.list_(self._arrow.null())) else found

    def _array(self, name: str, column: Sequence[Any], kind: Any) -> Any:
        if kind == self._arrow.string():
            column = [None if value is None else whole(cell(value)) for value in column]
        try:
            return self._arrow.array(column, kind)
        except (self._arrow.ArrowException, UnicodeError) as error:
            raise ConfigurationError(
                f"output: column '{shown(name)}' holds values of several types, which parquet does not take; write a "
                ".jsonl"
            ) from error


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


def _size_of(content: Any, heads: Set[str]) -> int:
    """How many bytes some columns have, unpacked."""
    groups = map(content.metadata.row_group, range(content.metadata.num_row_groups))
    chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
    inner = tuple(f"{head}." for head in heads)  # a column's own name may hold a dot
    return sum(
        one.total_uncompressed_size
        for one in chunks
        if one.path_in_schema in heads or one.path_in_schema.startswith(inner)
    )


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
    """The names of classes in place of their numbers, where there are any; a value may be a list of such."""
    if names is None:
        return values
    return [
        named(value, names)
        if isinstance(value, list)
        else names[value]
        if isinstance(value, int) and 0 <= value < len(names)
        else value
        for value in values
    ]


def at_once(rows: int, size: int) -> int:
    """How many of so many rows of so many bytes in all are read at a time: those with pictures or sounds are large."""
    return max(1, min(sizes.ROWS, sizes.BYTES * rows // max(size, 1)))


def _classes(content: Any) -> dict[str, list[str]]:
    said = json.loads((content.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
    features = said.get("info", {}).get("features", {})
    found = {name: _names_of_classes(kind) for name, kind in features.items()}
    return {name: names for name, names in found.items() if names is not None}


def _names_of_classes(kind: Any) -> list[str] | None:
    """The names of the classes that a column, or a list in it, holds; None where it holds none."""
    if isinstance(kind, list):  # as older versions of the library write a list's kind
        return _names_of_classes(kind[0]) if len(kind) == 1 else None
    if not isinstance(kind, dict):
        return None
    if kind.get("_type") == "ClassLabel":
        return kind["names"] if isinstance(kind.get("names"), list) else None
    return _names_of_classes(kind.get("feature"))
