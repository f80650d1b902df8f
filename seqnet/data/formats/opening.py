"""A file's bytes, wherever they lie: as they are, compressed, or in an archive, which is read where it stands."""

import atexit
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any, BinaryIO

from seqnet.data.files import opened, reading, shown
from seqnet.errors import ConfigurationError, DataError

COMPRESSED = (".gz", ".xz", ".zst")
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.zst")
TIMES, SMALL = 200, 1 << 26  # no text can be packed to less than a TIMES-th, and SMALL bytes fill no memory
PIECE = 1 << 10  # bytes of a zst file that are unpacked at a time, since they may become very many
NEEDED = "files that end in .zst need the package zstandard: pip install 'seqnet[zst]'"


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


@dataclass(frozen=True)
class Member:
    """A file in an archive. name: its path in there."""

    archive: "Archive"
    path: PurePosixPath

    def __str__(self) -> str:
        return f"{self.archive.path}/{self.path}"

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.name


def plain_name(file: Any) -> str:
    """A file's name without what says that it is compressed."""
    name: str = file.name
    for suffix in COMPRESSED:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def ending(file: Any) -> str:
    """The ending of a file's name that says what it holds, such as `.csv` of `train.csv.gz`."""
    return PurePosixPath(plain_name(file)).suffix.lower()


def is_compressed(file: Any) -> bool:
    """Whether a file's name says that it is compressed."""
    return bool(plain_name(file) != file.name)


def is_archive(path: Path) -> bool:
    """Whether a file's name says that it is an archive of files."""
    return path.name.lower().endswith(ARCHIVES)


# ------------------------------------------------------------------------------------------------------- streams


class Unpacked(io.RawIOBase):
    """What a decompressor gives, no more of it than `most` bytes. Raises DataError."""

    def __init__(self, inner: IO[bytes], where: str, packed: int) -> None:
        self._inner, self._where, self._packed = inner, where, packed
        self._most = max(TIMES * packed, SMALL)
        self._count = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes."""
        with unpacking(self._where):
            data = self._inner.read(len(buffer))
        self._count += len(data)
        if self._count > self._most:
            raise DataError(
                f"{self._where}: its {self._packed} bytes unpack to more than {self._most >> 20} MiB, which is not the "
                "text of anyone; name another file with data.path="
            )
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def unpacking(where: str) -> Iterator[None]:
    """Make one sentence of whatever goes wrong in a decompressor. Raises DataError."""
    try:
        yield
    except (DataError, ConfigurationError):
        raise
    except Exception as error:  # OSError, EOFError, ValueError, zlib's, lzma's, zstandard's, ...: no common kind
        said = shown(str(error).strip() or "it ends too early", 200)
        raise DataError(
            f"{where}: cannot be unpacked ({type(error).__name__}: {said}); name a whole file with data.path="
        ) from error


def _zst(file: IO[bytes]) -> Any:
    """Bytes out of zst, by Python itself where it can (from 3.14 on)."""
    try:
        from compression import zstd
    except ImportError:
        try:
            import zstandard
        except ImportError as error:
            raise ConfigurationError(NEEDED) from error
        return _Zst(file, zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj)
    return zstd.ZstdFile(file)


class _Zst(io.RawIOBase):
    """Bytes out of zst, of one frame or several. start: begins a frame."""

    def __init__(self, file: IO[bytes], start: Callable[[], Any]) -> None:
        self._file, self._start = file, start
        self._frame: Any = None
        self._there, self._rest = b"", b""

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; none at the end. Raises EOFError where the file is cut off."""
        while not self._there:
            data = self._rest or self._file.read(PIECE)
            self._rest = b""
            if not data:
                if self._frame is not None:
                    raise EOFError("it ends too early")
                return b""
            self._frame = self._frame or self._start()
            self._there = self._frame.decompress(data)
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        found, self._there = self._there[:size], self._there[size:]
        return found


def _decompressor(name: str) -> Callable[[Any], Any] | None:
    name = name.lower()
    if name.endswith((".gz", ".tgz")):
        return lambda file: gzip.GzipFile(fileobj=file, mode="rb")
    if name.endswith(".xz"):
        return lzma.LZMAFile
    if name.endswith(".zst"):
        return _zst
    return None


@contextmanager
def stream(file: Any) -> Iterator[BinaryIO]:
    """A file's bytes, unpacked where its name says that they are packed. Raises DataError."""
    with opened(file) if isinstance(file, Path) else file.archive.open(file) as raw:
        packed = file.stat().st_size if isinstance(file, Path) else file.archive.size(file)
        with _plain(raw, file.name, str(file), packed) as found:
            yield found


@contextmanager
def _plain(raw: IO[bytes], name: str, where: str, packed: int) -> Iterator[Any]:
    make = _decompressor(name)
    if make is None:
        yield raw
        return
    with unpacking(where):
        inner = make(raw)
    yield io.BufferedReader(Unpacked(inner, where, packed), 1 << 16)


# ------------------------------------------------------------------------------------------------------ archives


@dataclass(eq=False)
class Archive:
    """A zip or tar of files. What escapes from its folder, and what is too large to be true, is refused."""

    path: Path
    _sizes: dict[PurePosixPath, int] = field(default_factory=dict)
    _unpacked: Path | None = None

    def members(self) -> list[Member]:
        """Its files, by name; links and devices are none. Raises DataError."""
        self._sizes = dict(self._listed())
        packed = self.path.stat().st_size
        total = sum(self._sizes.values())
        if total > max(TIMES * packed, SMALL):
            raise DataError(
                f"{self.path}: its {packed} bytes say that they hold {total} bytes, which are not anyone's files; name "
                "another file with data.path="
            )
        return [Member(self, path) for path in sorted(self._sizes)]

    def size(self, member: Member) -> int:
        """How many bytes a member has that is not compressed itself."""
        return self._sizes[member.path]

    @contextmanager
    def open(self, member: Member) -> Iterator[BinaryIO]:
        """The bytes of a member, without a copy on the disk. Raises DataError."""
        with ExitStack() as stack:
            for path, file in self._walk(stack):
                if path == member.path:
                    with unpacking(str(member)):
                        raw = file()
                    yield io.BufferedReader(Unpacked(raw, str(member), self.path.stat().st_size), 1 << 16)
                    return
        raise DataError(f"{member}: is not there any more; name another file with data.path=")

    def unpacked(self) -> Path:
        """A folder with all its files, which ends with this process. Raises DataError."""
        if self._unpacked is None:
            folder = TemporaryDirectory(prefix="seqnet_")
            atexit.register(folder.cleanup)
            count, most = 0, max(TIMES * self.path.stat().st_size, SMALL)
            with ExitStack() as stack:
                for path, file in self._walk(stack):
                    to = Path(folder.name, path)
                    with unpacking(f"{self.path}/{path}"), _made(to) as out:
                        raw = file()
                        while data := raw.read(1 << 20):
                            count += len(data)
                            if count > most:
                                raise DataError(f"{self.path}: unpacks to more than {most >> 20} MiB; name another")
                            out.write(data)
            self._unpacked = Path(folder.name)
        return self._unpacked

    def _listed(self) -> Iterator[tuple[PurePosixPath, int]]:
        with ExitStack() as stack:
            if self.path.name.lower().endswith(".zip"):
                for info in self._zip(stack).infolist():
                    if not info.is_dir() and stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG):
                        yield self._safe(info.filename), info.file_size
            else:
                for member in self._tar(stack):
                    if member.isreg():
                        yield self._safe(member.name), member.size

    def _walk(self, stack: ExitStack) -> Iterator[tuple[PurePosixPath, Callable[[], IO[bytes]]]]:
        """Each file's path and what opens it; of a tar before the next one is asked for."""
        if self.path.name.lower().endswith(".zip"):
            archive = self._zip(stack)
            for info in archive.infolist():
                if not info.is_dir() and stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG):
                    yield self._safe(info.filename), lambda info=info: archive.open(info)  # type: ignore[misc]
            return
        tar = stack.enter_context(self._opened_tar(stack))
        with unpacking(str(self.path)):
            for member in tar:
                if member.isreg():
                    yield self._safe(member.name), lambda member=member: tar.extractfile(member)  # type: ignore[misc]

    def _zip(self, stack: ExitStack) -> zipfile.ZipFile:
        raw = stack.enter_context(opened(self.path))
        with unpacking(str(self.path)):
            return stack.enter_context(zipfile.ZipFile(raw))

    def _opened_tar(self, stack: ExitStack) -> tarfile.TarFile:
        raw = stack.enter_context(opened(self.path))
        plain = stack.enter_context(_plain(raw, self.path.name, str(self.path), self.path.stat().st_size))
        with unpacking(str(self.path)):
            return tarfile.open(fileobj=plain, mode="r|")

    def _tar(self, stack: ExitStack) -> Iterator[tarfile.TarInfo]:
        tar = stack.enter_context(self._opened_tar(stack))
        with unpacking(str(self.path)):
            yield from tar

    def _safe(self, name: str) -> PurePosixPath:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name or ":" in path.parts[0]:
            raise DataError(
                f"{self.path}: it holds '{shown(name)}', which would lie outside of its folder; name another file"
            )
        return path


def _made(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


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
