"""What was made of large files, kept for the next run: learned states and encoded columns, found by their contents."""

import json
import os
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqnet import strict_json
from seqnet.data.digest import BYTES
from seqnet.data.examples import Ragged
from seqnet.data.files import HubSplit, reading
from seqnet.data.formats.archive import Member
from seqnet.data.formats.folder import Folder
from seqnet.data.formats.opening import Beside, Inside

UNUSED = 30 * 24 * 3600  # seconds after which an entry that no run has found is let go
WORTH_WHILE = 1 << 20  # bytes of files, from where on what was made of them is found sooner than made again
PIECE = 1 << 20  # bytes that are looked at at a time
JUST_NOW = 2_000_000_000  # nanoseconds in which a file can change without another date
MANIFEST = "manifest.json"
CODE = Path(__file__).parent  # what numbers are made by


def folder() -> Path | None:
    """Where it lies: SEQNET_CACHE, or else in the user's cache folder; None where SEQNET_CACHE is empty."""
    said = os.environ.get("SEQNET_CACHE")
    if said is None:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqnet"
    return Path(said) if said else None


class Cache:
    """Entries that belong to one key, each a folder that is complete or not there."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key = folder / "data", key

    def load(self, name: str) -> tuple[Any, dict[str, Ragged]] | None:
        """What was told and the columns of an entry, mapped from the disk; None where there is none, or not a whole."""
        place = self._place(name)
        try:
            signed, body = (place / MANIFEST).read_text(encoding="utf-8").split("\n", 1)
            if signed != _sum([body.encode()]):
                return None
            manifest = json.loads(body)
            for file, (size, digest) in manifest["files"].items():
                if (place / file).stat().st_size != size or _sum(_pieces(place / file)) != digest:
                    return None
            columns = {
                column: Ragged(_mapped(place / flat, kind, shape), _mapped(place / offsets, "int64", [-1]))
                for column, flat, offsets, kind, shape in manifest["columns"]
            }
            os.utime(place)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return manifest["told"], columns

    def save(self, name: str, told: Any, columns: Mapping[str, Ragged]) -> dict[str, Ragged]:
        """Keep an entry; the columns as they are kept, or as they were where the disk refuses it or JSON lacks what is
        told.
        """
        place = self._place(name)
        there = None
        try:
            if json.loads(strict_json.dumps(told)) != told:
                return dict(columns)
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            there = Path(tempfile.mkdtemp(prefix=".writing_", dir=self._folder))
            self._write(there, told, columns)
            if self.load(name) is None:
                shutil.rmtree(place, ignore_errors=True)  # it is damaged
                there.rename(place)
            self._prune()
        except (OSError, TypeError, ValueError):
            pass  # another run was quicker, or it cannot be kept
        finally:
            if there is not None:
                shutil.rmtree(there, ignore_errors=True)
        found = self.load(name)
        return dict(columns) if found is None else found[1]

    def _place(self, name: str) -> Path:
        return self._folder / _sum([self._key.encode(), name.encode()])

    def _prune(self) -> None:
        """Remove what no run has found for long; a run that has mapped it keeps what it reads."""
        for entry in self._folder.iterdir():
            with suppress(OSError):
                if time.time() - entry.stat().st_mtime > UNUSED:
                    shutil.rmtree(entry)

    def _write(self, there: Path, told: Any, columns: Mapping[str, Ragged]) -> None:
        listed = []
        for number, (name, column) in enumerate(columns.items()):
            flat, offsets = column.flat.numpy(), column.offsets.numpy()
            flat.tofile(there / f"{number}.flat")
            offsets.tofile(there / f"{number}.offsets")
            listed.append([name, f"{number}.flat", f"{number}.offsets", flat.dtype.name, list(flat.shape)])
        files = {path.name: [path.stat().st_size, _sum(_pieces(path))] for path in sorted(there.iterdir())}
        body = strict_json.dumps({"told": told, "columns": listed, "files": files})
        (there / MANIFEST).write_text(f"{_sum([body.encode()])}\n{body}", encoding="utf-8")


def _mapped(path: Path, kind: str, shape: list[int]) -> torch.Tensor:
    # "c": what is written to the array is not written to the file. A file without a byte cannot be mapped.
    flat: Any = np.memmap(path, kind, "c") if path.stat().st_size else np.zeros(0, kind)
    return torch.from_numpy(np.asarray(flat).reshape(shape))


def _sum(pieces: Iterable[bytes]) -> str:
    found = blake2b(digest_size=BYTES)
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def _pieces(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


# ------------------------------------------------------------------------------------------------ what a key is made of


def made_by(modules: Iterable[Any]) -> str:
    """A digest of what reads and encodes: seqnet's own code, that of further modules, and what these rely on."""
    files = {*CODE.rglob("*.py"), *(Path(one.__file__) for one in modules if getattr(one, "__file__", None))}
    try:
        tokenizers = version("tokenizers")
    except PackageNotFoundError:
        tokenizers = ""
    with suppress(OSError):
        return _sum([unicodedata.unidata_version.encode(), tokenizers.encode(), *map(Path.read_bytes, sorted(files))])
    return ""


def size_of(file: Any) -> int:
    """How many bytes a file has, whatever it is."""
    if isinstance(file, HubSplit):
        return int(file.rows.data.nbytes) if file.streamed is None else file.streamed
    return sum(map(_size, _paths(file)))


def content_of(files: Sequence[Any], folder: Path) -> str:
    """A digest of what stands in files; of folders of files, of their names and sizes. Raises DataError.

    folder: of the cache, where it is remembered by the paths, sizes, dates and inodes, so that none is read again.
    """
    paths = [path for file in files for path in _paths(file)]
    stats = []
    for path in paths:
        with reading(path):
            stats.append(path.stat())
    stamps = [
        [os.fspath(path.resolve()), found.st_size, found.st_mtime_ns, found.st_ino]
        for path, found in zip(paths, stats, strict=True)
    ]
    whats = [what for file in files for what in _whats(file)]
    known = folder / "digests" / _sum([strict_json.dumps([stamps, whats]).encode()])
    with suppress(OSError, ValueError):
        remembered = known.read_text(encoding="ascii")
        if len(bytes.fromhex(remembered)) == BYTES:
            return remembered
    digest = _sum(text.encode() for file in files for text in _contents(file))
    if time.time_ns() - max((found.st_mtime_ns for found in stats), default=0) > JUST_NOW:
        with suppress(OSError):
            known.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile("w", dir=known.parent, delete=False, encoding="ascii") as file:
                file.write(digest)
            os.replace(file.name, known)
    return digest


def _contents(file: Any) -> Iterator[str]:
    yield from _whats(file)
    if isinstance(file, Folder):
        yield named(file.root, _paths(file))
    else:
        for path in _paths(file):
            with reading(path):
                yield _sum(_pieces(path))


def _whats(file: Any) -> Iterator[str]:
    """What of the files on the disk is meant; of a Hub data set its fingerprint."""
    yield type(file).__name__
    if isinstance(file, Beside):
        for one in file.files:
            yield from _whats(one)
        yield from file.names
    elif isinstance(file, Inside):
        yield from _whats(file.file)
        yield file.key
    elif isinstance(file, Folder):
        for one in file.files:
            yield os.path.relpath(str(one), str(file.root))
    elif isinstance(file, Member):
        yield str(file.path)
    elif isinstance(file, HubSplit):
        yield str(file.rows._fingerprint if file.streamed is None else file.version)


def named(base: Any, paths: Iterable[Path]) -> str:
    """A digest of the names and sizes of files, as far as they are there."""
    return _sum(f"{os.path.relpath(path, str(base))} {_size(path)}\n".encode() for path in paths)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # said when it is read
        return 0


def _paths(file: Any) -> list[Path]:
    """The files on the disk that a file is, or lies in."""
    if isinstance(file, HubSplit):
        return []
    if isinstance(file, Beside):
        return [path for one in file.files for path in _paths(one)]
    if isinstance(file, Inside):
        return _paths(file.file)
    if isinstance(file, Folder):
        return list(dict.fromkeys(path for one in file.files for path in _paths(one)))
    return [file.archive.path] if isinstance(file, Member) else [file]
