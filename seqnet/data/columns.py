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
        self._file = SpooledTemporaryFile(LARGE)
        self._lengths: list[np.ndarray] = []
        self._like: np.ndarray | None = None

    def __enter__(self) -> "ColumnBuilder":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()  # what is mapped from it stays

    def append(self, flat: np.ndarray, lengths: np.ndarray, continues: bool = False) -> None:
        """Add the rows of a block. continues: its first row goes on with the last one so far."""
        if self._like is None:
            self._like = flat[:0]
        with on_temporary():
            self._file.write(np.ascontiguousarray(flat, self._like.dtype).data)
        if continues and self._lengths:
            self._lengths[-1][-1] += lengths[0]
            lengths = lengths[1:]
        if len(lengths):
            self._lengths.append(lengths.copy())

    def column(self) -> Ragged | None:
        """All rows; None where there are none."""
        if self._like is None or not self._lengths:
            return None
        large = self._file.tell() > LARGE
        self._file.seek(0)
        kind, shape = self._like.dtype, self._like.shape[1:]
        # "c": what is written to the array is not written to the file.
        flat: Any = np.memmap(self._file, kind, "c") if large else np.frombuffer(bytearray(self._file.read()), kind)
        return Ragged(torch.from_numpy(flat.reshape(-1, *shape)), _offsets(self._lengths))


def offsets_of(lengths: np.ndarray) -> Tensor:
    """Where rows of these lengths begin when they stand end to end, and the last one ends."""
    return torch.from_numpy(np.concatenate([np.zeros(1, np.int64), lengths]).cumsum())


def _offsets(pieces: Sequence[np.ndarray]) -> Tensor:
    """As `offsets_of` all lengths in pieces, without a further copy of them."""
    offsets = np.zeros(sum(map(len, pieces)) + 1, np.int64)
    begin = 0
    for lengths in pieces:
        end = begin + len(lengths)
        np.cumsum(lengths, out=offsets[begin + 1 : end + 1])
        offsets[begin + 1 : end + 1] += offsets[begin]
        begin = end
    return torch.from_numpy(offsets)


def assign(rows: int, valid: float, test: float, seed: int) -> np.ndarray:
    """For each of so many rows the split that it belongs to, drawn by the seed: its place in SPLITS.

    valid, test: their shares; one above 0 is at least one row of two.
    """
    order = torch.randperm(rows, generator=generator(seed, "splits")).numpy()
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
