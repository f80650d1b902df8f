"""An archive of files, which is read where it stands."""

import atexit
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, BinaryIO

from seqnet.data.files import opened, shown
from seqnet.data.formats.compressed import Unpacked, most_of, plain, unpacking
from seqnet.errors import DataError


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
        if total > most_of(packed):
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
            count, most = 0, most_of(self.path.stat().st_size)
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
        file = stack.enter_context(plain(raw, self.path.name, str(self.path), self.path.stat().st_size))
        with unpacking(str(self.path)):
            return tarfile.open(fileobj=file, mode="r|")

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
