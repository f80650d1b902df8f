"""Columns that are built block by block, and which rows of a table belong to which split."""

from collections.abc import Sequence
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqnet.data.examples import Ragged
from seqnet.data.generation import SPLITS, generator
from seqnet.data.temporary import on_temporary

LARGE = 1 << 24  # bytes of a column that are held in memory


class ColumnBuilder:
    """Puts encoded blocks end to end, in the type that they have.

    More than LARGE bytes of them lie in a file in the temporary folder, which ends with the process, and are mapped
    from there, so that they need no memory of their own. Raises DiskError where the disk is full.
    """

    def __init__(self) -> None:
        self._file, self._ends = SpooledTemporaryFile(LARGE), SpooledTemporaryFile(LARGE)
        self._rows = 0
        self._end = 0  # of the last row, which may go on, so that it is not written yet
        self._like: np.ndarray | None = None

    def __enter__(self) -> "ColumnBuilder":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()  # what is mapped from it stays
        self._ends.close()

    def append(self, flat: np.ndarray, lengths: np.ndarray, continues: bool = False) -> None:
        """Add the rows of a block. continues: its first row goes on with the last one so far."""
        if self._like is None:
            self._like = flat[:0]
        with on_temporary():
            self._file.write(np.ascontiguousarray(flat, self._like.dtype).data)
            if len(lengths):
                goes_on = continues and self._rows > 0
                before = np.array([] if goes_on else [self._end], np.int64)
                ends = self._end + lengths.cumsum(dtype=np.int64)
                self._ends.write(np.concatenate([before, ends[:-1]]).data)
                self._end = int(ends[-1])
                self._rows += len(lengths) - goes_on

    def column(self) -> Ragged | None:
        """All rows; None where there are none."""
        if self._like is None or not self._rows:
            return None
        with on_temporary():
            self._ends.write(np.array([self._end], np.int64).data)
        flat = _read(self._file, self._like.dtype).reshape(-1, *self._like.shape[1:])
        return Ragged(torch.from_numpy(flat), torch.from_numpy(_read(self._ends, np.dtype(np.int64))))


def _read(file: Any, kind: np.dtype[Any]) -> np.ndarray:
    """What was written to a file, mapped from there where it is large."""
    large = file.tell() > LARGE
    file.seek(0)
    # "c": what is written to the array is not written to the file.
    return np.memmap(file, kind, "c") if large else np.frombuffer(bytearray(file.read()), kind)


def offsets_of(lengths: np.ndarray) -> Tensor:
    """Where rows of these lengths begin when they stand end to end, and the last one ends."""
    return torch.from_numpy(np.concatenate([np.zeros(1, np.int64), lengths]).cumsum())


def assign(rows: int, valid: float, test: float, seed: int) -> np.ndarray:
    """For each of so many rows the split that it belongs to, drawn by the seed: its place in SPLITS.

    valid, test: their shares; one above 0 is at least one row of two.
    """
    kind = torch.int32 if rows < 1 << 31 else torch.int64  # the same numbers in half the memory
    order = torch.randperm(rows, generator=generator(seed, "splits"), dtype=kind).numpy()
    counts = [max(round(share * rows), int(share > 0 and rows > 1)) for share in (valid, test)]
    splits = np.full(rows, SPLITS.index("train"), np.int8)
    splits[order[: counts[0]]] = SPLITS.index("valid")
    splits[order[counts[0] : sum(counts)]] = SPLITS.index("test")
    return splits


def take(values: Sequence[Any], kept: Sequence[int]) -> list[Any]:
    """The values at some positions, which rise."""
    if len(kept) == len(values):
        return list(values)
    return list(itemgetter(*kept)(values)) if len(kept) > 1 else [values[position] for position in kept]
