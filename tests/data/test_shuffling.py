"""Rows in blocks: each once an epoch, batch n a pure function of (seed, epoch, n), mixed nearly as well as all."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seqnet.batch import IGNORE, Batch
from seqnet.data import lanes, shuffling
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.data.generation import generator
from seqnet.data.lanes import LaneLoader
from seqnet.data.shuffling import Shuffling


@pytest.fixture(autouse=True)
def _few_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffling, "BLOCKS", 4)


def examples(lengths: list[int]) -> Examples:
    rows = [torch.full((length, 1), float(row)) for row, length in enumerate(lengths)]
    return Examples(Ragged.of(rows), torch.arange(len(rows)))


def contents(batches: list[Batch]) -> list[tuple[list, list]]:
    return [(batch.inputs.tolist(), batch.targets.tolist()) for batch in batches]


LENGTHS = [row * 7 % 5 for row in range(203)]  # some have no step


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("tokens", [None, 12])
def test_each_row_with_a_step_comes_once(shuffle: bool, tokens: int | None) -> None:
    loader = BucketLoader(examples(LENGTHS), 4, seed=1, shuffle=shuffle, batch_tokens=tokens, shuffle_block=10, pool=2)
    used = [row for row, length in enumerate(LENGTHS) if length]
    for epoch in range(3):
        batches = list(loader.batches(epoch))
        assert len(batches) == loader.num_batches(epoch) == len(loader.rows(epoch))
        assert sorted(torch.cat([batch.targets for batch in batches]).tolist()) == used
        sizes = [batch.size for batch in batches]
        assert max(sizes) <= (4 if tokens is None else 12)
        assert tokens is not None or sizes.count(4) >= len(used) // 4 - 6  # a part ends in one that is smaller


@pytest.mark.parametrize("workers", [0, 2])
def test_batch_n_is_a_function_of_seed_epoch_and_n(workers: int) -> None:
    def loader(seed: int, workers: int = 0) -> BucketLoader:
        return BucketLoader(examples(LENGTHS), 4, seed=seed, shuffle=True, shuffle_block=10, num_workers=workers)

    whole = contents(list(loader(1).batches(2)))
    for start in (0, 9, 30, len(whole)):
        assert contents(list(loader(1, workers).batches(2, start))) == whole[start:]
    assert contents(list(loader(1).batches(3))) != whole != contents(list(loader(2).batches(2)))


def test_no_part_is_made_but_the_one_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = BucketLoader(examples([3] * 400), 4, seed=1, shuffle=True, shuffle_block=10)
    loader.num_batches(0)
    read: list[int] = []
    part = Shuffling.part
    monkeypatch.setattr(
        Shuffling, "part", lambda self, epoch, number: (read.append(number), part(self, epoch, number))[1]
    )
    next(loader.batches(0, 77))
    assert read == [7]


def test_few_rows_are_mixed_with_each_other() -> None:
    rows = examples([2] * 203)
    plain = BucketLoader(rows, 4, seed=1, shuffle=True)
    assert [each.tolist() for each in plain.rows(5)] == [
        each.tolist() for each in BucketLoader(rows, 4, seed=1, shuffle=True, shuffle_block=203).rows(5)
    ]
    random = generator(1, "order", 5)
    order = torch.randperm(203, generator=random)
    assert sorted(torch.cat(plain.rows(5)).tolist()) == sorted(order.tolist())
    assert Shuffling(203, None, 0).whole and not Shuffling(shuffling.FREELY + 1, None, 0).whole


def test_a_part_is_blocks_of_neighbours_from_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Shuffling(1000, 10, seed=0)
    parts = [made.part(0, number) for number in range(made.parts)]
    assert made.parts == 25 and sorted(torch.cat(parts).tolist()) == list(range(1000))
    for part in parts:
        assert all((block.diff() == 1).all() for block in part.split(10))
    assert all(int(part.max() - part.min()) > 200 for part in parts), "its blocks are not neighbours"
    ordered = replace(made, shuffle=False)
    assert torch.equal(torch.cat([ordered.part(0, number) for number in range(ordered.parts)]), torch.arange(1000))


def spread(order: Tensor, size: int) -> float:
    """The variance of a batch's share of the first class, of two that stand one behind the other."""
    return float((order < len(order) // 2).float()[: len(order) // size * size].view(-1, size).mean(1).var())


def test_a_batch_is_mixed_as_well_as_its_blocks_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file sorted by class: 1/4 of 1/size + 1/BLOCKS, which is the worst there is."""
    monkeypatch.setattr(shuffling, "BLOCKS", 64)
    made = Shuffling(200_000, 50, seed=0)
    found = spread(made.order("order", 0), 32)
    assert found == pytest.approx((1 / 32 + 1 / 64) / 4, rel=0.15)
    assert spread(torch.randperm(200_000, generator=generator(0)), 32) == pytest.approx(1 / 32 / 4, rel=0.15)


# ---------------------------------------------------------------------------------------------------- running text


def test_documents_come_in_blocks_and_each_token_once() -> None:
    documents = [torch.arange(begin, begin + 3 + begin % 4) for begin in range(0, 1000, 10)]
    loader = LaneLoader(Stream(Ragged.of(documents)), 3, 2, seed=0, shuffle=True, shuffle_block=5)
    for epoch in range(2):
        batches = list(loader.batches(epoch))
        asked = torch.cat([batch.targets[batch.targets != IGNORE] for batch in batches])
        assert sorted(asked.tolist()) == sorted(torch.cat([document[1:] for document in documents]).tolist())
        assert contents(list(loader.batches(epoch, 20))) == contents(batches[20:])


@pytest.mark.parametrize("window, stride", [(5, None), (5, 2), (None, None), (400, None)])
def test_a_large_document_is_laid_in_lanes_window_by_window(
    window: int | None, stride: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Stream(Ragged.of([torch.arange(1, 3 + 101)]))
    (whole,) = LaneLoader(text, 4, window, seed=0, shuffle=True).batches(0)
    monkeypatch.setattr(lanes, "LARGE", 50)
    (lazily,) = LaneLoader(text, 4, window, seed=0, shuffle=True).batches(0)
    assert lazily.inputs.is_meta and not whole.inputs.is_meta
    expected = list(whole.windows(window, stride))
    assert whole.num_windows(window, stride) == lazily.num_windows(window, stride) == len(expected)
    for start in (0, 3, len(expected)):
        found = list(lazily.windows(window, stride, start))
        assert len(found) == len(expected[start:])
        for one, other in zip(found, expected[start:], strict=True):
            for name in ("inputs", "targets", "lengths", "starts"):
                assert torch.equal(getattr(one, name), getattr(other, name))
            assert (one.advance, one.continues, one.dense) == (other.advance, other.continues, other.dense)
        again = list(whole.windows(window, stride, start))
        assert contents(again) == contents(expected[start:])
