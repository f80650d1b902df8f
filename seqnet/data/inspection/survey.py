"""What some files hold: their format, rows by split, a profile of every column, rows that stand there twice."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqnet.data.files import BadRows, shown
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.csv import Csv
from seqnet.data.formats.documents import Documents
from seqnet.data.formats.find import Found, Part
from seqnet.data.formats.folder import ClassFolders
from seqnet.data.formats.format import Format
from seqnet.data.formats.opening import Inside, ending
from seqnet.data.formats.table import Table, looks_like_header
from seqnet.data.formats.text import beginning
from seqnet.data.inspection.encodings import encoding_of_part
from seqnet.data.inspection.headers import columns_of
from seqnet.data.inspection.locating import is_table, located, name_pattern
from seqnet.data.inspection.profile import LOOKED_AT, Profile
from seqnet.errors import DataError

ROWS = 20_000  # whose values are kept, to see how rows go together
KEPT = 200  # letters of such a value


@dataclass
class Split:
    """A split. part: only its beginning was looked at; again: rows that stood there before, and in which split."""

    files: list[str]
    rows: int = 0
    part: bool = False
    hashes: Any = field(default_factory=lambda: array("q"))
    again: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, float] = field(default_factory=dict)  # by column, the share of tokens that training has not


@dataclass
class Survey:
    """What was found. headed: whether columns have names; bad: what is wrong with the first bad row of all."""

    paths: list[str]
    format: Format
    encoding: str | None
    named: bool  # whether the format has to be said, since the file's name does not tell it
    told: list[str]
    headed: bool
    columns: list[Profile]
    splits: dict[str, Split]
    sample: dict[str, list[Any]]  # the first training rows, by column
    base: Path | None
    bad: int = 0
    problem: str | None = None
    several: bool = False  # each file is a row
    letters: int = 0  # of a document

    @property
    def rows(self) -> int:
        """Of training."""
        return self.splits["train"].rows if "train" in self.splits else 0


class Noted(BadRows):
    """Counts bad rows and keeps what is said of the first."""

    def __init__(self) -> None:
        super().__init__("skip")
        self.first: str | None = None

    def __call__(self, file: Any, number: int, problem: str, unit: str | None = None) -> None:
        """Count the row."""
        if self.first is None:
            self.first = f"{file}, {unit or 'line'} {number}: {problem}"
        super().__call__(file, number, problem, unit)


def survey(paths: Sequence[str], format: Format, recoded: Callable[[str], Format | None]) -> Survey:
    """Look at some files. recoded: the format with another encoding, None where it takes none. Raises DataError."""
    found = located(paths, format)
    first = next(part for parts in found.splits.values() for part in parts)
    encoding = encoding_of_part(first)
    if encoding not in (None, "utf-8", "bom", _said(first.format)) and (other := recoded(str(encoding))) is not None:
        found = located(paths, other)
        first = next(part for parts in found.splits.values() for part in parts)
    told = list(found.told)[:1]
    named = isinstance(format, Auto) and isinstance(first.format, ClassFolders) and bool(told)
    if isinstance(format, Auto):
        place = first.file
        named = named or (isinstance(place, Path) and ending(place) not in format.by_ending)
        if isinstance(first.format, Documents) and not isinstance(place, Inside) and _only(found):
            if is_table(beginning(place, first.format.encoding)):
                csv = Csv(encoding=first.format.encoding)
                found = Found(
                    {split: [Part(part.file, csv) for part in parts] for split, parts in found.splits.items()}
                )
                told, named = [f"{place} is taken for a table: its lines are rows of cells"], True
                first = next(part for parts in found.splits.values() for part in parts)
    if isinstance(first.format, ClassFolders) and not first.format.by_name:
        if all(file.parent == first.file.root for file in first.file.files if isinstance(file, Path)):
            if (pattern := name_pattern(first.file.files)) is not None:
                folder = ClassFolders(pattern)
                found = Found(
                    {split: [Part(part.file, folder) for part in parts] for split, parts in found.splits.items()}
                )
                told.append(f"the names of files are made as {pattern}: each part is a column")
                first, named = Part(first.file, folder), True
    names, columns, headed = columns_of(first)
    if isinstance(first.format, Table) and headed and not looks_like_header(first.format.look(first.file)):
        if first.format.header(first.file) is None:
            told.append(
                f"the first row, {shown(', '.join(names))}, is taken for a header, since it is not like the others"
            )
    profiles = [Profile(name, column) for name, column in zip(names, columns, strict=True)]
    made = Survey(list(paths), first.format, encoding, named, told, headed, profiles, {}, {}, None)
    made.several = first.format.several and not isinstance(first.format, ClassFolders)
    made.base = _base(first)
    bad = Noted()
    for split, parts in found.splits.items():
        made.splits[split] = _read(made, split, parts, bad)
    made.bad, made.problem = bad.count, bad.first
    _compare(made.splits)
    return made


def _only(found: Found) -> bool:
    return all(len(parts) == 1 for parts in found.splits.values())


def _said(format: Format) -> str | None:
    return getattr(format, "encoding", None)


def _base(part: Part) -> Path | None:
    try:
        return part.format.base(part.file)
    except DataError:
        return None


def _read(made: Survey, split: str, parts: Sequence[Part], bad: Noted) -> Split:
    """Profile the columns by the training rows, and compare those of other splits with it."""
    found = Split([str(part.file) for part in parts])
    columns = [profile.column for profile in made.columns]
    training = split == "train"
    others = [Profile(profile.name, profile.column) for profile in made.columns]
    profiles = made.columns if training else others
    looked, hashed = 0, None
    for rows in _blocks(parts, columns, bad, found):
        for profile, values in zip(profiles, rows.columns, strict=True):
            profile.add(values)
        if training:
            _keep(made, rows.columns)
        hashed = hashed or _worth(rows.columns)
        if not rows.continues:
            found.rows += len(rows)
            found.hashes.extend(_hashes(rows.columns, hashed))
        size = sum(map(_size, rows.columns))
        looked += size
        made.letters += size if training else 0
        if looked >= LOOKED_AT:
            found.part = True
            break
    if not training:
        for known, profile in zip(made.columns, profiles, strict=True):
            total = sum(profile.tokens.values())
            if total and not known.tokens.full:
                strange = sum(often for token, often in profile.tokens.items() if token not in known.tokens)
                found.unknown[known.name] = strange / total
    return found


def _blocks(parts: Sequence[Part], columns: Sequence[Any], bad: Noted, found: Split) -> Iterator[Any]:
    for part in parts:
        yield from part.format.rows(part.file, columns, bad)


def _keep(made: Survey, columns: Sequence[Sequence[Any]]) -> None:
    for profile, values in zip(made.columns, columns, strict=True):
        kept = made.sample.setdefault(profile.name, [])
        for value in islice(values, max(ROWS - len(kept), 0)):
            kept.append(
                value[:KEPT] if isinstance(value, str) else value if isinstance(value, int | float) else _brief(value)
            )


def _brief(value: Any) -> Any:
    """A list as its length, which is what rows are compared by."""
    return (
        np.shape(value)[:1]
        if isinstance(value, list | tuple | np.ndarray)
        else value.item()
        if isinstance(value, np.generic)
        else None
    )


def _size(values: Any) -> int:
    if isinstance(values, np.ndarray):
        return int(values.nbytes)
    return sum(len(value) if isinstance(value, str | bytes | list) else 8 for value in values)


def _worth(columns: Sequence[Sequence[Any]]) -> list[int]:
    """Which columns tell that two rows are the same: not those that number or name the rows."""
    kept = []
    for place, values in enumerate(columns):
        texts = list(map(str, islice(values, 1000)))
        ids = len(set(texts)) == len(texts) > 1 and all(
            text.isalnum() and any(map(str.isdigit, text)) for text in texts
        )
        kept += [] if ids else [place]
    return kept or list(range(len(columns)))


def _hashes(columns: Sequence[Sequence[Any]], kept: Sequence[int]) -> Iterator[int]:
    for row in zip(*(columns[place] for place in kept), strict=True):
        yield hash(tuple(map(_hashable, row)))


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tobytes()
    return value if isinstance(value, str | int | float | bytes | None) else repr(value)


def _compare(splits: dict[str, Split]) -> None:
    """Count the rows of each split that stand in it twice, or in one before it."""
    before: dict[str, np.ndarray] = {}
    for name, split in splits.items():
        hashes = np.frombuffer(split.hashes, np.int64) if split.hashes else np.zeros(0, np.int64)
        own = np.unique(hashes)
        if len(own) < len(hashes):
            split.again[name] = len(hashes) - len(own)
        for other, there in before.items():
            if both := int(np.isin(hashes, there).sum()):
                split.again[other] = both
        before[name] = own
