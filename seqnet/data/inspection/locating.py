"""Which files are which split, and in which format, before anyone says a column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seqnet.data.files import shown
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.conll import Conll, comment_in, looks_like_columns
from seqnet.data.formats.csv import Csv, sniff
from seqnet.data.formats.documents import Documents
from seqnet.data.formats.find import Found, Part, find
from seqnet.data.formats.folder import NAMES as OF_FOLDERS
from seqnet.data.formats.folder import ClassFolders
from seqnet.data.formats.format import Format
from seqnet.data.formats.jsonl import Jsonl, looks_like_rows
from seqnet.data.formats.lines import Lines
from seqnet.data.formats.names import ending, is_archive
from seqnet.data.formats.npy import Npy
from seqnet.data.formats.opening import Beside, Inside, tree
from seqnet.data.formats.split_names import split_called
from seqnet.data.formats.table import NUMERIC, looks_like_header
from seqnet.data.formats.text import beginning
from seqnet.data.inspection.profile import FILES
from seqnet.errors import DataError

TEXTS = (".txt", ".text", ".md")


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
    if len({part.file.parent.name for part in parts}) < 2 or any(split_called(part.file.parent.name) for part in parts):
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


@dataclass(frozen=True)
class Settled:
    """The files of each split. named: the format has to be said, since names of files do not tell it."""

    found: Found
    told: list[str]
    named: bool


def settle(found: Found, format: Format) -> Settled:
    """The files in the format that their content or their names make likely, where nobody said another."""
    told = list(found.told)
    first = next(part for parts in found.splits.values() for part in parts)
    if isinstance(first.format, ClassFolders) and not first.format.by_name:
        if all(file.parent == first.file.root for file in first.file.files if isinstance(file, Path)):
            if (pattern := name_pattern(first.file.files)) is not None:
                sentence = f"the names of files are made as {pattern}: each part is a column"
                return Settled(_in_format(found, ClassFolders(pattern)), [*told, sentence], True)
    if isinstance(first.format, Conll) and not first.format.comments:
        encoding = first.format.encoding
        if (number := comment_in(beginning(first.file, encoding))) is not None:
            sentence = f"line {number} begins with #, as comments do, which are passed over: data.format.comments=true"
            return Settled(_in_format(found, Conll(True, encoding)), [*told, sentence], True)
    if not isinstance(format, Auto):
        return Settled(found, told, False)
    alone = all(len(parts) == 1 for parts in found.splits.values())
    if isinstance(first.format, Documents) and not isinstance(first.file, Inside) and alone:
        if is_table(beginning(first.file, first.format.encoding)):
            sentence = f"{first.file} is taken for a table: its lines are rows of cells"
            return Settled(_in_format(found, Csv(encoding=first.format.encoding)), [sentence], True)
    unknown = isinstance(first.file, Path) and ending(first.file) not in format.by_ending
    return Settled(found, told, unknown or (isinstance(first.format, ClassFolders) and bool(told)))


def _in_format(found: Found, format: Format) -> Found:
    """The same files, read in another format."""
    return Found({split: [Part(part.file, format) for part in parts] for split, parts in found.splits.items()})


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
