"""Bytes out of compressed ones, no more of them than anyone's text has."""

import gzip
import io
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from seqnet.data.files import shown
from seqnet.errors import ConfigurationError, DataError

TIMES, SMALL = 200, 1 << 26  # no text can be packed to less than a TIMES-th, and SMALL bytes fill no memory
PIECE = 1 << 10  # bytes of a zst file that are unpacked at a time, since they may become very many
NEEDED = "files that end in .zst need the package zstandard: pip install 'seqnet[zst]'"


def most_of(packed: int) -> int:
    """The most bytes that so many may unpack to."""
    return max(TIMES * packed, SMALL)


class Unpacked(io.RawIOBase):
    """What a decompressor gives, no more of it than `most` bytes. Raises DataError."""

    def __init__(self, inner: IO[bytes], where: str, packed: int) -> None:
        self._inner, self._where, self._packed = inner, where, packed
        self._most = most_of(packed)
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
def plain(raw: IO[bytes], name: str, where: str, packed: int) -> Iterator[Any]:
    """The bytes of a file, unpacked where its name says that they are packed. packed: how many there are."""
    make = _decompressor(name)
    if make is None:
        yield raw
        return
    with unpacking(where):
        inner = make(raw)
    yield io.BufferedReader(Unpacked(inner, where, packed), 1 << 16)
