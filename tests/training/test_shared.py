"""What ranks of one machine add up in memory that they share is what they send each other."""

import errno
import os
import tempfile
from typing import Any

import pytest
import torch

from seqnet.training import shared as memory
from seqnet.training.ranks import ALONE, Ranks
from seqnet.training.shared import SharedSum, shared
from tests.training.test_ranks import CASES, run

SIZES = [(3, 4), (), (5,)]


def tensors(rank: int, turn: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(10 * turn + rank)
    return [torch.randn(size, generator=random) for size in SIZES]


def sums(ranks: Ranks) -> tuple[list[Any], list[float]]:
    """What comes out of some sums, as bits, and of the messages beside them."""
    size = sum(one.numel() for one in tensors(0, 0))
    found = shared(ranks, size, torch.float32)
    assert found is not None
    add, values, messages = SharedSum(ranks, found), [], []
    for turn in range(5):
        mine, message = add(tensors(ranks.rank, turn), torch.tensor([ranks.rank + turn]))
        messages += message.tolist()
        values.append([one.tolist() for one in mine])
    return values, messages


@pytest.mark.parametrize("count", [2, 3])
def test_sums_are_those_of_all_ranks_in_their_order(group, count, monkeypatch):
    wanted = []
    for turn in range(5):
        first, *others = (tensors(rank, turn) for rank in range(count))
        for other in others:
            first = [one + another for one, another in zip(first, other, strict=True)]
        wanted.append([one.tolist() for one in first])
    with tempfile.TemporaryDirectory(dir=memory.PLACE) as own:  # others may be reserving theirs just now
        monkeypatch.setattr(memory, "PLACE", own)
        found = group(count, sums)
        assert not os.listdir(own)
    for values, messages in found:
        assert values == wanted
        assert messages == [sum(range(count)) + count * turn for turn in range(5)]


def sent_or_shared(ranks: Ranks) -> tuple[bool, dict[str, Any]]:
    return shared(ranks, 10, torch.float32) is not None, run(CASES["accumulated"], ranks)


def test_gradients_are_the_same_where_ranks_share_nothing(group, monkeypatch, tmp_path):
    run(CASES["accumulated"], ALONE)  # what it imports is forked
    there = group(2, sent_or_shared)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(memory, "PLACE", str(tmp_path))
        patched.setattr(os, "posix_fallocate", full)
        small = group(2, sent_or_shared)
        assert not [*tmp_path.iterdir()]
    monkeypatch.setattr(memory, "MOST", 1)
    many = group(2, sent_or_shared)
    assert [shares for shares, _ in [*there, *small, *many]] == [True] * 2 + [False] * 4
    for _, other in [*small, *many]:
        assert str(other["gradients"]) == str(there[0][1]["gradients"])


def elsewhere(ranks: Ranks) -> bool:
    """Whether there is common memory where the second rank is on another machine."""
    if ranks.rank == 1:
        memory._opened = lambda path: None  # type: ignore[assignment]
    return shared(ranks, 10, torch.float32) is not None


def test_all_send_where_one_of_them_sees_no_common_memory(group, monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "PLACE", str(tmp_path))
    assert group(2, elsewhere) == [False, False]
    assert not [*tmp_path.iterdir()]
