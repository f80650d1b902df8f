"""What some files hold: their format, rows by split, a profile of every column, rows that stand there twice."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqnet.data.files import BadRows, opened, shown
from seqnet.data.formats.find import Part
from seqnet.data.formats.folder import NAMES as OF_FOLDERS
from seqnet.data.formats.folder import ClassFolders
from seqnet.data.formats.format import Format, Rows
from seqnet.data.formats.table import Table
from seqnet.data.inspection.encodings import encoding_of_part
from seqnet.data.inspection.headers import columns_of, is_guessed
from seqnet.data.inspection.locating import located, settle
from seqnet.data.inspection.profile import LOOKED_AT, Profile
from seqnet.errors import DataError

ROWS = 20_000  # whose values are kept, to see how rows go together
KEPT = 200  # letters of such a value
BEGINNING = 1 << 12  # bytes of a file that tell it from others
FILE = OF_FOLDERS[0]


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
    telling: list[int] | None = None  # the columns that tell whether two rows are the same

    @property
    def rows(self) -> int:
        """Of training."""
        return self.splits["train"].rows if "train" in self.splits else 0


class Noted(BadRows):
    """Counts bad rows and keeps what is said of the first."""

    def __init__(self) -> None:
        super().__init__("skip")
        self.first: str | None = None

    def __call__(self, file: Any, number: int, problem: str, unit: str = "line", at: int | None = None) -> None:
        """Count the row."""
        if self.first is None:
            self.first = f"{file}, {unit} {number if at is None else at}: {problem}"
        super().__call__(file, number, problem, unit, at)


def survey(paths: Sequence[str], format: Format, recoded: Callable[[str], Format | None]) -> Survey:
    """Look at some files. recoded: the format with another encoding, None where it takes none. Raises DataError."""
    found = located(paths, format)
    first = next(part for parts in found.splits.values() for part in parts)
    encoding = encoding_of_part(first)
    if encoding not in (None, "utf-8", "bom", _said(first.format)) and (other := recoded(str(encoding))) is not None:
        found = located(paths, other)
        first = next(part for parts in found.splits.values() for part in parts)
    settled = settle(found, format)
    found, told = settled.found, settled.told
    first = next(part for parts in found.splits.values() for part in parts)
    names, columns, headed = columns_of(first)
    if isinstance(first.format, Table) and headed and is_guessed(first.format, first.file, names):
        told.append(
            f"the first row, {shown(', '.join(names))}, is taken for a header: --header false reads it as a row"
        )
    profiles = [Profile(name, column) for name, column in zip(names, columns, strict=True)]
    made = Survey(list(paths), first.format, encoding, settled.named, told, headed, profiles, {}, {}, None)
    made.several = first.format.several and not isinstance(first.format, ClassFolders)
    made.base = _base(first)
    bad = Noted()
    for split, parts in found.splits.items():
        made.splits[split] = _read(made, split, parts, bad)
    made.bad, made.problem = bad.count, bad.first
    _compare(made.splits)
    return made


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
    profiles = made.columns if training else [Profile(profile.name, profile.column) for profile in made.columns]
    looked = 0
    for part, rows in _blocks(parts, columns, bad):
        for profile, values in zip(profiles, rows.columns, strict=True):
            profile.add(values)
        if training:
            _keep(made, rows.columns)
        if not rows.continues:
            found.rows += len(rows)
            found.hashes.extend(_hashes(made, part, rows.columns))
        size = sum(map(_size, rows.columns))
        looked += size
        made.letters += size if training else 0
        if looked >= LOOKED_AT:
            found.part = True
            break
    if not training:
        found.unknown = _unknown(made.columns, profiles)
    return found


def _blocks(parts: Sequence[Part], columns: Sequence[Any], bad: Noted) -> Iterator[tuple[Part, Rows]]:
    for part in parts:
        for rows in part.format.rows(part.file, columns, bad):
            yield part, rows


def _unknown(training: Sequence[Profile], profiles: Sequence[Profile]) -> dict[str, float]:
    """The share of the tokens of each column that training has not."""
    found = {}
    for known, profile in zip(training, profiles, strict=True):
        total = sum(profile.tokens.values())
        if total and not known.tokens.full:
            strange = sum(often for token, often in profile.tokens.items() if token not in known.tokens)
            found[known.name] = strange / total
    return found


def _keep(made: Survey, columns: Sequence[Sequence[Any]]) -> None:
    for profile, values in zip(made.columns, columns, strict=True):
        kept = made.sample.setdefault(profile.name, [])
        kept += map(_brief, islice(values, max(ROWS - len(kept), 0)))


def _brief(value: Any) -> Any:
    """A value as it is, if it is small; of a list how long it is, which is what lists are compared by."""
    if isinstance(value, str):
        return value[:KEPT]
    if isinstance(value, list | tuple | np.ndarray) and np.ndim(value[:0]):
        return (len(value),)
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, int | float) else None


def _size(values: Any) -> int:
    if isinstance(values, np.ndarray):
        return int(values.nbytes)
    return sum(len(value) if isinstance(value, str | bytes | list) else 8 for value in values)


# ------------------------------------------------------------------------------------------ rows that stand there twice


def _hashes(made: Survey, part: Part, columns: Sequence[Sequence[Any]]) -> Iterator[int]:
    """A number for each row, the same for rows that are the same; of files by how they begin, not by their names."""
    if made.telling is None:
        made.telling = _telling(columns)
    kept = [columns[place] for place in made.telling]
    if isinstance(part.format, ClassFolders) and made.columns[0].name == FILE:
        base = part.format.base(part.file)
        kept = [[_beginning(base / name) for name in columns[0]]]
    for row in zip(*kept, strict=True):
        yield hash(tuple(map(_hashable, row)))


def _telling(columns: Sequence[Sequence[Any]]) -> list[int]:
    """The columns that tell whether two rows are the same: not those that number or name the rows."""
    kept = []
    for place, values in enumerate(columns):
        texts = list(map(str, islice(values, 1000)))
        coded = all(text.isalnum() and any(map(str.isdigit, text)) for text in texts)
        kept += [] if coded and len(set(texts)) == len(texts) > 1 else [place]
    return kept or list(range(len(columns)))


def _beginning(path: Path) -> tuple[int, bytes]:
    with opened(path) as file:
        return path.stat().st_size, file.read(BEGINNING)


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tobytes()
    return value if isinstance(value, str | int | float | bytes | tuple | None) else repr(value)


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
