"""NumPy arrays: a row is a row of an array; several files of one split are columns."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.files import BadRows, one_sentence, opened
from seqnet.data.formats import format as sizes
from seqnet.data.formats.columns import gather_block, resolve
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.opening import Beside, on_disk
from seqnet.errors import DataError

ONLY = ("array",)  # the column of a file that is alone


class Npy(Format):
    """Rows along an array's first axis, mapped into memory; `x_train.npy` and `y_train.npy` are columns.

    The fields of a structured array are columns. An array of Python objects is refused.
    """

    endings: ClassVar = (".npy",)
    unit: ClassVar = "row"
    local: ClassVar = True
    beside: ClassVar = True

    def header(self, file: Any) -> tuple[str, ...] | None:
        """What tells the files apart, or the fields, or `array`. Raises DataError."""
        return tuple(_columns(file))

    def count(self, file: Any) -> int | None:
        """How many rows there are. Raises DataError."""
        return len(next(iter(_columns(file).values())))

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns, as arrays. Raises DataError."""
        yield from of_arrays(_columns(file), columns, str(file))


def of_arrays(arrays: dict[str, np.ndarray], columns: Sequence[Column], where: str) -> Iterator[Rows]:
    """Rows of arrays side by side, which must have as many. Raises DataError."""
    names = tuple(arrays)
    wanted = resolve(columns, names, len(names), where)
    counts = {names[each]: len(arrays[names[each]]) for index in wanted for each in np.atleast_1d(index)}
    if len(set(counts.values())) > 1:
        listed = " and ".join(f"{name} has {count} rows" for name, count in counts.items())
        raise DataError(f"{where}: {listed}; row n of one must go with row n of the other, so mend the files")
    for begin in range(0, next(iter(counts.values()), 0), sizes.ROWS):
        blocks = {name: values(arrays[name][begin : begin + sizes.ROWS]) for name in counts}
        yield Rows(
            range(begin + 1, begin + 1 + len(next(iter(blocks.values())))),
            gather_block(wanted, lambda index, blocks=blocks: blocks[names[index]]),  # type: ignore[misc]
        )


def values(array: np.ndarray) -> Any:
    """Some rows as they are handed out: text and dates as Python's, numbers as they are."""
    return (
        array
        if array.dtype.kind in "biufc"
        else array.astype(str).tolist()
        if array.dtype.kind in "SM"
        else array.tolist()
    )


def check_array(array: np.ndarray, where: str) -> np.ndarray:
    """Raises DataError for an array that has no rows, and for one of Python objects."""
    if array.dtype.hasobject:
        raise DataError(f"{where}: is an array of Python objects, which is not read; save numbers or text")
    if array.ndim == 0:
        raise DataError(f"{where}: is a single number and no array of rows; save an array")
    return array


def _columns(file: Any) -> dict[str, np.ndarray]:
    if isinstance(file, Beside):
        return {name: _load(each) for name, each in zip(file.names, file.files, strict=True)}
    array = _load(file)
    return {name: array[name] for name in array.dtype.names} if array.dtype.names else {ONLY[0]: array}


def _load(file: Any) -> np.ndarray:
    path = on_disk(file)
    with opened(path) as raw, one_sentence(f"{file}: cannot be read as .npy; name a whole file with data.path="):
        if not raw.read(6) == np.lib.format.MAGIC_PREFIX:
            raise DataError(f"{file}: is no .npy file; save the array with numpy.save")
        found: np.ndarray = np.lib.format.open_memmap(path, mode="r")
        return check_array(found, str(file))
