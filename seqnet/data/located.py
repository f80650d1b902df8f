"""The files of a data set, and the rows of them that its fields read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from seqnet.data.files import BadRows, counted, lines_of, shown
from seqnet.data.formats.columns import resolve, used
from seqnet.data.formats.find import Found, Part, find
from seqnet.data.formats.format import Column, Format
from seqnet.data.formats.generated import Generated
from seqnet.data.raw_block import RawBlock
from seqnet.errors import DataError
from seqnet.progress import progress, watched

FILES = 64  # that are opened for one block of rows
FEW = 3  # files of a split of which the same is told


@dataclass(frozen=True)
class Located:
    """Files, and the column of each field that is read.

    path, data_dir, name, about, format: as for `find`. columns: by field. further: columns that no field reads and that
    must be there. opening: the fields whose values are files. running: the one field is a running text. generated: rows
    that are drawn in place of files.
    """

    path: str | Path | Sequence[str] | None
    data_dir: str | Path
    name: str | None
    about: str | None
    format: Format
    columns: Mapping[str, Column]
    further: Sequence[Column] = ()
    opening: frozenset[str] = frozenset()
    running: bool = False
    generated: Generated | None = None

    @property
    def where(self) -> str:
        """What is read, for messages."""
        if self.generated is not None:
            return self.generated.name
        path = self.path if self.path is not None else Path(self.data_dir) / str(self.name)
        return ", ".join(map(str, path)) if isinstance(path, list | tuple) else str(path)

    @property
    def asked(self) -> list[Column]:
        """All columns that are read."""
        return [*self.columns.values(), *self.further]

    @cached_property
    def found(self) -> Found:
        """The files of each split, once their columns were looked for. Raises DataError."""
        columns = list(self.columns.values())
        if (drawn := self.generated) is not None:
            found = Found({split: [Part(file, drawn)] for split, file in drawn.files.items()})
        else:
            found = find(self.path, self.data_dir, self.name, self.about, self.format, columns)
        for parts in found.splits.values():
            parts[0].format.check(parts[0].file, self.asked)
            self._check_shards(parts, self.asked)
        return found

    def _check_shards(self, parts: Sequence[Part], columns: Sequence[Column]) -> None:
        """Refuse a file of a split that lacks a column, before any of them is read. Raises DataError."""
        tables = [part for part in parts if not part.format.several and part.format.named]
        for part in tables[1:]:
            part.format.check(part.file, columns)
        names = [part.format.heading(part.file, columns)[0] for part in tables] if len(tables) > 1 else []
        for part, own in zip(tables, names, strict=False):
            # Where columns are positions, those of a wider file are not those that are meant.
            if len(own) != len(names[0]) and own == tuple(map(str, range(len(own)))):
                widths = f"has {counted(len(own), 'column')} and {tables[0].file} has {len(names[0])}"
                raise DataError(
                    f"{part.file}: {widths}, but all files of a split are one table: mend it, or take it out"
                )

    @property
    def splits(self) -> Mapping[str, Sequence[Part]]:
        """The files of each split that has some. Raises DataError."""
        return self.found.splits

    @property
    def parts(self) -> list[Part]:
        """The files of all splits. Raises DataError."""
        return [part for parts in self.splits.values() for part in parts]

    def only(self, names: Sequence[str]) -> "Located":
        """The same for some of the fields."""
        return replace(self, columns={one: self.columns[one] for one in names}, opening=self.opening & {*names})

    def blocks(self, parts: Sequence[Part], bad: BadRows, beside: Sequence[Column] = ()) -> Iterator[RawBlock]:
        """All rows of some files, values of those fields that open files as paths. beside: further columns."""
        what = f"reading {parts[0].file}" if len(parts) == 1 else f"reading {counted(len(parts), 'file')}"
        sizes = [_size(part) for part in parts] if watched() else []
        known = bool(sizes) and None not in sizes
        before = 0
        with progress(what, sum(size or 0 for size in sizes) if known else None, "rows") as reached:
            for place, part in enumerate(parts):
                last = 0
                for block in self._blocks(part, bad, beside):
                    yield block
                    last = block.numbers[-1] if block.numbers else last
                    reached(before + (min(last, sizes[place] or 0) if known else last))
                before += (sizes[place] or 0) if known else last

    def _blocks(self, part: Part, bad: BadRows, beside: Sequence[Column]) -> Iterator[RawBlock]:
        """All rows of a file."""
        names = list(self.columns)
        for rows in part.format.rows(part.file, [*self.columns.values(), *beside], bad):
            values = dict(zip(names, rows.columns, strict=False))
            if self.opening:
                base = part.format.base(part.file)
                values |= {name: [as_path(base, value) for value in values[name]] for name in self.opening}
            if self.running and not part.format.parted:
                values = {name: [_unless_blank(value) for value in column] for name, column in values.items()}
            more = rows.columns[len(names) :]
            block = RawBlock(part.file, rows.numbers, values, part.format.unit, rows.continues, more)
            if not self.opening:
                yield block
                continue
            for begin in range(0, len(rows), FILES):  # what they hold is more than a row of a table
                yield block.only(range(begin, min(begin + FILES, len(rows))))

    def named_files(self) -> Iterator[Path]:
        """The files that stand in the columns of fields that open them."""
        for block in self.blocks(self.parts, BadRows("skip")) if self.opening else ():
            paths = [value for name in self.opening for value in block.values[name] if isinstance(value, Path)]
            if not paths:  # what stands there is what files would hold
                return
            yield from paths

    def remarks(self) -> list[str]:
        """Sentences about how the files were found, and what of them is read by no field."""
        found = list(self.found.told)
        for split, parts in self.splits.items():
            said = [one for part in parts for one in part.format.remarks(part.file, self.asked)]
            found += said[:FEW]
            if len(said) > FEW:
                found.append(f"the same of {counted(len(said) - FEW, 'more file')} of {split}")
        part = self.parts[0]
        names = part.format.header(part.file) if part.format.named else None
        if names is not None:
            known = set(used(resolve(self.asked, names, len(names), str(part.file))))
            unused = [name for place, name in enumerate(names) if place not in known]
            if unused:
                found.append(f"no field uses {counted(len(unused), 'column')}: {shown(', '.join(unused), 200)}")
        return list(dict.fromkeys(found))


def as_path(base: Path, value: Any) -> Any:
    """A name of a file as a path; what is no name is what the file holds, as bytes perhaps, with its name beside."""
    if isinstance(value, dict) and value.keys() == {"bytes", "path"} and value["bytes"] is None:
        value = value["path"]
    return base / value if isinstance(value, str) else value


def _unless_blank(value: Any) -> Any:
    """A value, None for a text of white space alone: a row by itself is no piece of a document."""
    return None if isinstance(value, str) and not value.strip() else value


def _size(part: Part) -> int | None:
    """The number of its last row, as far as that is known before it is read; of a file that is a row 1."""
    count = part.format.count(part.file)
    if part.format.several or count is not None:
        return 1 if part.format.several else count
    return lines_of(part.file) if part.format.unit == "line" and isinstance(part.file, Path) else None
