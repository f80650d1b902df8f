"""What some files hold: their format, rows by split, a profile of every column, rows that stand there twice."""

import codecs
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from seqnet.data.files import BadRows, shown
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.conll import Conll, looks_like_columns
from seqnet.data.formats.csv import Csv, sniff
from seqnet.data.formats.documents import Documents
from seqnet.data.formats.find import SPLITS, Found, Part, find
from seqnet.data.formats.folder import NAMES as OF_FOLDERS
from seqnet.data.formats.folder import TEXT, ClassFolders
from seqnet.data.formats.format import Format
from seqnet.data.formats.jsonl import Jsonl, looks_like_rows
from seqnet.data.formats.lines import Lines
from seqnet.data.formats.npy import Npy
from seqnet.data.formats.opening import Beside, Inside, ending, is_archive, stream, tree
from seqnet.data.formats.table import NUMERIC, Table, looks_like_header
from seqnet.data.formats.text import beginning
from seqnet.data.inspection.profile import FILES, Profile
from seqnet.errors import DataError

LOOKED_AT = 64 << 20  # letters, or bytes of numbers, of a split that are looked at
ROWS = 20_000  # whose values are kept, to see how rows go together
KEPT = 200  # letters of such a value
TEXTS = (".txt", ".text", ".md")
PEEK = 1 << 20  # bytes at a time


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


# ------------------------------------------------------------------------------------------------ which files


def located(paths: Sequence[str], format: Format) -> Found:
    """The files of each split, whatever columns they have. Raises DataError."""
    path = paths[0] if len(paths) == 1 else list(paths)
    if not isinstance(format, Auto):
        return find(path, "data", None, None, format)
    lines = Lines(format.encoding)
    if len(paths) > 1:
        texts = all(ending(Path(each)) in TEXTS or ending(Path(each)) not in format.by_ending for each in paths)
        return find(path, "data", None, None, lines if texts else format)
    place = Path(paths[0])
    if place.is_dir() or (place.is_file() and is_archive(place)):
        return _of_folder(place, format, lines)
    beside = _beside(place, format)
    if len(beside) > 1:
        return find(paths[0], "data", None, None, format, beside)
    if place.is_file() and ending(place) not in format.by_ending:
        return Found({"train": [Part(place, _by_content(place, format.encoding))]})
    return find(path, "data", None, None, format)


def _of_folder(place: Path, format: Auto, lines: Lines) -> Found:
    files = tree(place)
    try:
        found = find(place, "data", None, None, format)
        return _of_classes(place, found) or found
    except DataError as error:
        refused = error
    attempts: list[Callable[[], Found]] = []
    if not any(ending(file) in (*format.by_ending, *FILES) for file in files):
        attempts.append(lambda: find(place, "data", None, None, lines))
    if any(ending(file) in Npy.endings for file in files):
        attempts.append(lambda: find(place, "data", None, None, Npy()))
    if any(ending(file) in (*FILES, *TEXTS) for file in files):
        attempts.append(lambda: find(place, "data", None, None, format, OF_FOLDERS))
    for attempt in attempts:
        try:
            found = attempt()
        except DataError:
            continue
        if any(
            isinstance(part.file, Beside) or part.format.several for parts in found.splits.values() for part in parts
        ):
            return found
    raise refused


def _of_classes(place: Path, found: Found) -> Found | None:
    """Texts in folders that are no splits, as rows whose class is the folder."""
    parts = [part for parts in found.splits.values() for part in parts]
    if not all(isinstance(part.format, Documents) and isinstance(part.file, Path) for part in parts):
        return None
    if len({part.file.parent.name for part in parts}) < 2 or any(split_of(part.file.parent.name) for part in parts):
        return None
    folders = find(place, "data", None, None, ClassFolders())
    names = ", ".join(sorted({part.file.parent.name for part in parts})[:5])
    return Found(
        folders.splits,
        (f"texts lie in folders ({shown(names)}), each taken for a class; running text with --format text",),
    )


def _beside(place: Path, format: Auto) -> list[str]:
    """The endings of files that differ from this one in the ending alone, and in no way say their format."""
    if not place.is_file() or ending(place) in (*format.by_ending, *FILES, ""):
        return []
    own = ending(place)
    stem = place.name.removesuffix(own)
    others = sorted(
        each.suffix.lower() for each in place.parent.iterdir() if each.stem == place.stem and each.is_file()
    )
    kept = [
        each
        for each in others
        if each not in (*format.by_ending, *FILES, own, "") and (place.parent / f"{stem}{each}").is_file()
    ]
    return [each[1:] for each in (own, *kept)]


def _by_content(place: Path, encoding: str) -> Format:
    """The format of a file whose name does not say it."""
    lines = beginning(place, encoding)
    if looks_like_rows(lines):
        return Jsonl()
    if looks_like_columns(lines):
        return Conll(encoding=encoding)
    return Csv(encoding=encoding) if is_table(lines) else Documents(encoding)


def is_table(lines: Sequence[str]) -> bool:
    """Whether the lines of a text are rows of cells, all as many."""
    full = [line for line in lines if line.strip()]
    delimiter = sniff(full)
    widths = {line.count(delimiter) for line in full if '"' not in line}
    rows = [line.split(delimiter) for line in full]
    if len(full) < 3 or len(widths) > 1 or widths <= {0}:
        return False
    figures = any(all(NUMERIC.fullmatch(cell) for cell in cells) for cells in zip(*rows, strict=False))
    return delimiter in "\t;|" or figures or looks_like_header(rows)


# --------------------------------------------------------------------------------------------------- encodings


def encoding_of(file: Any) -> str:
    """utf-8, utf-16 where the first bytes say so, or cp1252 where bytes are none of UTF-8. Raises DataError."""
    wide, narrow, looked = 0, 0, 0
    with stream(file) as raw:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        while (block := raw.read(PEEK)) and looked < LOOKED_AT:
            if not looked and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            looked += len(block)
            if block.isascii():
                continue
            text = decoder.decode(block)
            odd = sum("\udc80" <= letter <= "\udcff" for letter in text if letter > "\x7f")
            narrow += odd
            wide += sum(letter > "\x7f" for letter in text) - odd
    return "cp1252" if narrow > wide else "utf-8"


def split_of(name: str) -> str | None:
    """The split that a folder is called as."""
    return next((split for split, names in SPLITS.items() if name.lower() in names), None)


def has_mark(file: Any) -> bool:
    """Whether a file begins with the byte order mark of UTF-8. Raises DataError."""
    with stream(file) as raw:
        return raw.read(3) == codecs.BOM_UTF8


# ------------------------------------------------------------------------------------------------------- columns


def columns_of(part: Part) -> tuple[list[str], list[Any], bool]:
    """The names of the columns, what each is asked for by, and whether they have names. Raises DataError."""
    format = part.format
    names = list(format.header(part.file) or ())
    if isinstance(format, Table):
        rows = format.look(part.file)
        if not names and heads(rows):
            names = list(map(str, rows[0]))
        if not names or len(set(names)) < len(names):
            return _positions(len(rows[0]) if rows else 0)
    elif isinstance(format, Conll):
        return _positions(format.width(part.file))
    elif isinstance(format, ClassFolders):
        texts = all(ending(file) in TEXTS for file in part.file.files)
        names = [name for name in names if name != TEXT or texts]
        names = [name for name in names if name != OF_FOLDERS[0] or not texts]
    return names, list(names), True


def _positions(width: int) -> tuple[list[str], list[Any], bool]:
    return [f"column {place}" for place in range(width)], list(range(width)), False


def heads(rows: Sequence[Sequence[Any]]) -> bool:
    """Whether the first row names columns by not being like the others: none of its cells occurs again.

    Below each name there are a few values that occur again and again, or values with figures in them, or longer texts.
    """
    if len(rows) < 6 or len({len(row) for row in rows}) > 1:
        return False
    first, *rest = ([str(cell).strip() for cell in row] for row in rows)
    if not all(re.fullmatch(r"[^\W\d]+([ _-][^\W\d]+)?", cell) for cell in first):
        return False
    columns = [[row[place] for row in rest] for place in range(len(first))]
    if any(name in cells for name, cells in zip(first, columns, strict=True)):
        return False
    sure = [
        len(set(cells)) <= len(cells) // 3 or all(any(map(str.isdigit, cell)) for cell in cells) for cells in columns
    ]
    longer = [
        sum(len(cell.split()) for cell in cells) > 1.5 * len(cells) * len(name.split())
        for name, cells in zip(first, columns, strict=True)
    ]
    codes = all(len(cell) <= 3 and cell.islower() for cell in first)  # of languages
    return (any(sure) or codes) and all(one or other for one, other in zip(sure, longer, strict=True))


def name_pattern(files: Sequence[Any]) -> str | None:
    """How the names of files are made, if all have as many parts and one of these is of a few kinds, as classes are."""
    stems = [PurePosixPath(file.name).stem for file in files]
    for separator in "_-.":
        parts = [stem.split(separator) for stem in stems]
        width = len(parts[0])
        if width < 2 or any(len(each) != width or not all(each) for each in parts):
            continue
        if any(1 < len(set(column)) <= len(stems) / 2 for column in zip(*parts, strict=True)):
            return separator.join(f"{{part{place}}}" for place in range(1, width + 1))
    return None


# ---------------------------------------------------------------------------------------------------------- rows


def survey(paths: Sequence[str], format: Format, recoded: Callable[[str], Format | None]) -> Survey:
    """Look at some files. recoded: the format with another encoding, None where it takes none. Raises DataError."""
    found = located(paths, format)
    first = next(part for parts in found.splits.values() for part in parts)
    encoding = _encoding(first)
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


def _encoding(part: Part) -> str | None:
    """Of a file of text; `bom` of UTF-8 with a byte order mark; None of others. Raises DataError."""
    if getattr(part.format, "local", False) or part.format.unit in ("piece",):
        return None
    file = part.file.files[0] if isinstance(part.file, Beside) else part.file
    if isinstance(file, Inside):
        file = file.file
    if not hasattr(file, "name") or hasattr(file, "rows"):
        return None
    found = encoding_of(file)
    return "bom" if found == "utf-8" and has_mark(file) else found


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


def where(survey: Survey) -> str:
    """What was looked at, for messages."""
    return shown(", ".join(survey.paths), 200)
