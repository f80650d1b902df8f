"""Files, wherever they lie: as they are, compressed, in an archive, side by side, or a part of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from seqnet.data.files import opened, reading
from seqnet.data.formats.archive import Archive, Member
from seqnet.data.formats.compressed import plain
from seqnet.data.formats.names import is_archive


@dataclass(frozen=True)
class Inside:
    """A part of a file that holds several splits, by the name it has there."""

    file: Any
    key: str

    def __str__(self) -> str:
        return f"{self.file}, {self.key}"


@dataclass(frozen=True)
class Beside:
    """Files that are columns of one table. names: of the columns."""

    files: tuple[Any, ...]
    names: tuple[str, ...]

    def __str__(self) -> str:
        return " and ".join(map(str, self.files))


@contextmanager
def stream(file: Any) -> Iterator[BinaryIO]:
    """A file's bytes, unpacked where its name says that they are packed. Raises DataError."""
    with opened(file) if isinstance(file, Path) else file.archive.open(file) as raw:
        packed = file.stat().st_size if isinstance(file, Path) else file.archive.size(file)
        with plain(raw, file.name, str(file), packed) as found:
            yield found


def on_disk(file: Any) -> Path:
    """A path at which the file lies as it is; a member of an archive is unpacked for it. Raises DataError."""
    return file if isinstance(file, Path) else Path(file.archive.unpacked(), file.path)


def folder_of(file: Any) -> Path:
    """The folder that a file lies in. Raises DataError."""
    if isinstance(file, Inside):
        return folder_of(file.file)
    if isinstance(file, Beside):
        return folder_of(file.files[0])
    if isinstance(file, Member):
        return on_disk(file).parent
    return file.parent if isinstance(file, Path) else Path(os.curdir)


def parents(file: Any, root: Any) -> tuple[str, ...]:
    """The folders between the root and the file."""
    path = file.path if isinstance(file, Member) else file
    return tuple(path.relative_to(root).parent.parts)


def tree(place: Path) -> list[Any]:
    """The files in a folder and those in it, or in an archive, by name, without hidden ones. Raises DataError."""
    if is_archive(place):
        return [
            member
            for member in Archive(place).members()
            if not any(part.startswith((".", "__MACOSX")) for part in member.path.parts)
        ]
    found = []
    with reading(place):
        for folder, folders, names in os.walk(place, onerror=_raise):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [Path(folder, name) for name in names if not name.startswith(".")]
        return sorted(path for path in found if path.is_file())


def _raise(error: OSError) -> None:
    raise error
