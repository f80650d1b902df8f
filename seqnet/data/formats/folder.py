"""Folders of files: a row is a file, its class is the folder that it lies in, or stands in its name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from seqnet.data.files import BadRows, opened, shown
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import names_in, of_row, resolve
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.opening import on_disk
from seqnet.errors import ConfigurationError

NAMES = ("file", "label")
TEXT = "text"  # the column of what a file of text says
PART = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Folder:
    """Files of one split in a folder or an archive. root: what their names are relative to."""

    root: Any
    files: tuple[Any, ...]

    def __str__(self) -> str:
        return str(self.root)


class ClassFolders(Format):
    """A row is a file: `file` (its path), `label` (its folder's name), `text` (what it says, of files of text).

    name_pattern: further columns out of the file's name, without its ending, such as `{digit}_{speaker}_{take}`; a
    file of another name is a bad row. ending: of the files that count, such as `.wav`; None: all. Raises
    ConfigurationError.
    """

    unit: ClassVar = "file"
    several: ClassVar = True
    local: ClassVar = True

    def __init__(self, name_pattern: str | None = None, ending: str | None = None) -> None:
        self.ending = None if ending is None else f".{ending.lower().removeprefix('.')}"
        self.name_pattern = name_pattern
        self._pattern: re.Pattern[str] | None = None
        self._parts: tuple[str, ...] = ()
        if name_pattern is not None:
            self._pattern, self._parts = _compiled(name_pattern)

    @property
    def by_name(self) -> bool:
        """Whether columns stand in the files' names."""
        return self._pattern is not None

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The columns that there are for all files."""
        return (*NAMES, *self._parts, TEXT)

    def everything(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], Column]:
        """What the names of files say, and their text where it is asked for."""
        names = [name for name in self.header(file) or NAMES if name != TEXT or TEXT in names_in(columns)]
        return tuple(names), names

    def count(self, file: Any) -> int | None:
        """How many files there are, where their names are not looked at."""
        return len(file.files) if self._pattern is None else None

    def base(self, file: Any) -> Path:
        """The folder. Raises DataError."""
        if isinstance(file.root, Path):
            return file.root
        return Path(file.files[0].archive.unpacked(), file.root)

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns; `numbers` count the files, by name. Raises DataError with the file."""
        names = self.header(file) or NAMES
        wanted = resolve(columns, names, len(names), str(file))
        with_text = TEXT in names_in(columns)
        root = self.base(file)

        def values() -> Iterator[tuple[int, list[Any]]]:
            for number, each in enumerate(file.files, 1):
                path = on_disk(each)
                inside = path.relative_to(root)
                label = inside.parent.name or None
                found = self._pattern.fullmatch(path.stem) if self._pattern else None
                if self._pattern is not None and found is None:
                    bad(each, 1, f"its name is not made as data.format.name_pattern says ({shown(path.stem)})", "name")
                    continue
                text = None
                if with_text:
                    try:
                        with opened(path) as raw:
                            text = raw.read().decode("utf-8-sig").replace("\r\n", "\n")
                    except UnicodeDecodeError as error:
                        bad(each, 1, f"byte {error.start + 1} of the file is not UTF-8", "text")
                        continue
                row = [inside.as_posix(), label, *(found.groups() if found else ()), text]
                yield number, of_row(row, wanted)

        return one_by_one(values())


def _compiled(pattern: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    names = tuple(PART.findall(pattern))
    if not names or len(set(names)) < len(names) or not all(name.isidentifier() for name in names):
        raise ConfigurationError(
            f"data.format.name_pattern={pattern} must hold names in braces, each once, such as {{digit}}_{{speaker}}"
        )
    clash = [name for name in names if name in (*NAMES, TEXT)]
    if clash:
        raise ConfigurationError(
            f"data.format.name_pattern={pattern}: a column '{clash[0]}' is there already; rename it"
        )
    pieces = PART.split(pattern)  # text, name, text, ...
    made = "".join(re.escape(piece) if place % 2 == 0 else "(.+?)" for place, piece in enumerate(pieces))
    return re.compile(made), names
