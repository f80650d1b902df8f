"""NumPy archives: named arrays are columns."""

import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.files import BadRows, one_sentence, opened
from seqnet.data.formats import format as sizes
from seqnet.data.formats.columns import gather_block, resolve, used
from seqnet.data.formats.compressed import unpacking
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.npy import values
from seqnet.data.formats.opening import on_disk
from seqnet.errors import DataError

SHAPE = "it must be an array of rows, of numbers or text, saved with numpy.savez"


class Npz(Format):
    """A row is row n of each array; arrays are read from the archive block by block."""

    endings: ClassVar = (".npz",)
    unit: ClassVar = "row"
    local: ClassVar = True

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The arrays' names. Raises DataError."""
        with _Archive(file) as archive:
            return archive.names

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen arrays, which must have as many rows. Raises DataError."""
        with _Archive(file) as archive:
            names = archive.names
            wanted = resolve(columns, names, len(names), str(file))
            arrays = {index: archive.array(names[index]) for index in used(wanted)}
            counts = {names[index]: array.count for index, array in arrays.items()}
            if len(set(counts.values())) > 1:
                listed = " and ".join(f"{name} has {count} rows" for name, count in counts.items())
                raise DataError(f"{file}: {listed}; row n of one must go with row n of the other")
            total = next(iter(counts.values()), 0)
            for begin in range(0, total, sizes.ROWS):
                count = min(sizes.ROWS, total - begin)
                blocks = {index: values(array.read(count)) for index, array in arrays.items()}
                yield Rows(range(begin + 1, begin + count + 1), gather_block(wanted, blocks.__getitem__))


class _Archive:
    """An open .npz."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._path = on_disk(file)

    def __enter__(self) -> "_Archive":
        self._opened = opened(self._path)
        self._raw = self._opened.__enter__()
        with unpacking(str(self._file)):
            self._zip = zipfile.ZipFile(self._raw)
        return self

    def __exit__(self, *why: Any) -> None:
        self._opened.__exit__(*why)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the arrays."""
        return tuple(name.removesuffix(".npy") for name in self._zip.namelist())

    def array(self, name: str) -> "_Array":
        """One of them, from its beginning."""
        with unpacking(f"{self._file}, {name}"):
            return _Array(self._zip.open(f"{name}.npy"), f"{self._file}, {name}")


class _Array:
    """An array that is read from its beginning to its end."""

    def __init__(self, raw: Any, where: str) -> None:
        self._raw, self._where = raw, where
        with one_sentence(f"{where}: cannot be read; {SHAPE}"):
            version = np.lib.format.read_magic(raw)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, self._type = read(raw)
        if self._type.hasobject or not shape or (fortran and len(shape) > 1):
            raise DataError(
                f"{where}: {'columns lie before rows' if fortran else 'no rows, or Python objects'}; {SHAPE}"
            )
        self.count: int = shape[0]
        self._shape = shape[1:]

    def read(self, count: int) -> np.ndarray:
        """The next rows. Raises DataError where they are not there."""
        size = self._type.itemsize * int(np.prod(self._shape, dtype=object)) * count
        with unpacking(self._where):
            data = self._raw.read(size)
            if len(data) < size:
                raise EOFError("it ends too early")
        return np.frombuffer(data, self._type).reshape(count, *self._shape)
