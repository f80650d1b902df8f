import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqnet.data import columns
from seqnet.data.columns import ColumnBuilder, assign
from seqnet.data.examples import Ragged
from seqnet.data.generation import SPLITS
from seqnet.errors import DiskError


def built(blocks: list[list[int]], kind: Any = np.int16) -> Ragged | None:
    """Blocks of rows of so many numbers, which are counted from 0 on."""
    begin = 0
    with ColumnBuilder() as builder:
        for lengths in blocks:
            builder.append(np.arange(begin, begin + sum(lengths), dtype=kind), np.array(lengths, np.int64))
            begin += sum(lengths)
        return builder.column()


@pytest.mark.parametrize("blocks", [[[0, 0]], [[3, 0], [5]], [[100] * 3, [], [100] * 4]])
@pytest.mark.parametrize("limit", [16, 1 << 20])
def test_rows_end_to_end_are_the_same_in_memory_and_in_a_file(
    blocks: list[list[int]], limit: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(columns, "LARGE", limit)
    made = built(blocks)
    total = sum(map(sum, blocks))
    assert made is not None and made.flat.dtype == torch.int16
    assert made.flat.tolist() == list(range(total))
    assert made.lengths.tolist() == sum(blocks, [])
    large = max(total * 2, (len(made) + 1) * 8) > limit  # its numbers, or where its rows begin
    assert (str(tmp_path) in Path("/proc/self/maps").read_text()) == large
    made.flat.add_(1)  # it is its own
    assert made.flat.tolist() == list(range(1, 1 + total))
    assert not list(tmp_path.iterdir())


def test_a_row_goes_on_in_the_next_block() -> None:
    with ColumnBuilder() as builder:
        builder.append(np.arange(3, dtype=np.uint8), np.array([1, 2]))
        builder.append(np.arange(3, 7, dtype=np.uint8), np.array([3, 1]), continues=True)
        made = builder.column()
    assert made is not None and [row.tolist() for row in (made[0], made[1], made[2])] == [[0], [1, 2, 3, 4, 5], [6]]


def test_no_rows_are_no_column() -> None:
    assert built([]) is None


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "SpooledTemporaryFile", lambda limit: open("/dev/full", "wb", buffering=0))
    with pytest.raises(DiskError, match=r"temporary folder .*No space left on device; .* TMPDIR$"):
        built([[100]])


def test_rows_are_held_out_by_the_seed() -> None:
    def splits(rows: int, valid: float, test: float, seed: int) -> dict[str, list[int]]:
        found = assign(rows, valid, test, seed)
        return {name: np.flatnonzero(found == place).tolist() for place, name in enumerate(SPLITS)}

    first = splits(50, 0.2, 0, 1)
    assert first == splits(50, 0.2, 0, 1) != splits(50, 0.2, 0, 2)
    assert (len(first["train"]), len(first["valid"]), first["test"]) == (40, 10, [])
    assert len(splits(3, 0.1, 0, 0)["valid"]) == 1
    assert splits(50, 0, 1, 0) == {"train": [], "valid": [], "test": list(range(50))}
