import multiprocessing
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from seqnet.batch import Batch
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import generator
from seqnet.errors import DataError


def examples(lengths: list[int] | Tensor, **options: object) -> Examples:
    """Row r holds r at every step, so that a batch tells which rows it is made of."""
    rows = [torch.full((int(length), 1), float(row)) for row, length in enumerate(lengths)]
    return Examples(Ragged.of(rows), torch.arange(len(rows)), **options)


def random_lengths(rows: int, most: int = 100) -> Tensor:
    return torch.randint(1, most + 1, (rows,), generator=generator(5))


def jitter(batch: Batch, draws: torch.Generator) -> Batch:
    return replace(batch, inputs=batch.inputs + torch.rand(batch.inputs.shape, generator=draws))


def contents(batches: list[Batch]) -> list[tuple[list, ...]]:
    return [(batch.inputs.tolist(), batch.lengths.tolist(), batch.targets.tolist()) for batch in batches]


def padded_share(batches: list[Batch]) -> float:
    places = sum(batch.size * batch.time for batch in batches)
    return 1 - sum(int(batch.lengths.sum()) for batch in batches) / places


def test_each_epoch_holds_every_row_once() -> None:
    loader = BucketLoader(examples(random_lengths(203)), 8, seed=0, shuffle=True, pool=5)
    for epoch in range(3):
        batches = list(loader.batches(epoch))
        assert len(batches) == loader.num_batches(epoch) == 26
        assert sorted(torch.cat([batch.targets for batch in batches]).tolist()) == list(range(203))
        assert sorted(batch.size for batch in batches) == [3] + [8] * 25


def test_a_batch_holds_what_its_rows_say() -> None:
    loader = BucketLoader(examples([3, 1, 2]), 2, seed=0, shuffle=False)
    assert [rows.tolist() for rows in loader.rows(0)] == [[1, 2], [0]]
    first, second = loader.batches(0)
    assert first.inputs[..., 0].tolist() == [[1, 0], [2, 2]]
    assert first.lengths.tolist() == [1, 2]
    assert second.inputs[..., 0].tolist() == [[0, 0, 0]]
    assert second.full


def test_evaluation_is_sorted_by_length_and_not_augmented() -> None:
    plain = examples(random_lengths(50))
    loader = BucketLoader(replace(plain, augment=jitter), 8, seed=0, shuffle=False)
    batches = list(loader.batches(0))
    lengths = torch.cat([batch.lengths for batch in batches])
    assert lengths.tolist() == sorted(plain.lengths.tolist())
    assert contents(batches) == contents(list(BucketLoader(plain, 8, seed=9, shuffle=False).batches(4)))


def test_rows_of_one_length_keep_a_random_order() -> None:
    loader = BucketLoader(examples([4] * 100), 10, seed=0, shuffle=True)
    first, second = (torch.cat(loader.rows(epoch)).tolist() for epoch in range(2))
    assert first != second
    assert first != list(range(100))


def test_rows_of_one_length_are_sorted_by_their_source() -> None:
    source = Ragged.of([torch.zeros(length, 1) for length in (5, 2, 4, 1)])
    loader = BucketLoader(replace(examples([3, 3, 2, 3]), source=source), 4, seed=0, shuffle=False)
    assert loader.rows(0)[0].tolist() == [2, 3, 1, 0]


def test_little_of_a_batch_is_padding() -> None:
    data = examples(random_lengths(32 * 250))
    bucketed = list(BucketLoader(data, 32, seed=0, shuffle=True).batches(0))
    at_random = list(BucketLoader(data, 32, seed=0, shuffle=True, pool=1).batches(0))
    assert padded_share(at_random) == pytest.approx(0.5, abs=0.05)
    assert padded_share(bucketed) <= 0.1
    order = torch.tensor([batch.time for batch in bucketed], dtype=torch.float32)
    assert not torch.equal(order, order.sort().values), "short batches must not all come first"


def test_a_batch_is_a_pure_function_of_data_seed_epoch_and_number() -> None:
    data = replace(examples(random_lengths(60)), augment=jitter)
    loader = BucketLoader(data, 8, seed=3, shuffle=True)
    whole = contents(list(loader.batches(2)))
    for start in (0, 1, 5, 8, 11):
        assert contents(list(BucketLoader(data, 8, seed=3, shuffle=True).batches(2, start))) == whole[start:]
    assert contents(list(loader.batches(3))) != whole
    assert contents(list(BucketLoader(data, 8, seed=4, shuffle=True).batches(2))) != whole


def test_batches_before_the_start_are_not_made() -> None:
    made = []

    def note(batch: Batch, draws: torch.Generator) -> Batch:
        made.append(batch)
        return batch

    loader = BucketLoader(examples([2] * 30, augment=note), 3, seed=0, shuffle=True)
    assert len(list(loader.batches(0, start=7))) == len(made) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_no_number_and_no_global_generator(workers: int) -> None:
    data = replace(examples(random_lengths(60)), augment=jitter)
    alone = contents(list(BucketLoader(data, 8, seed=3, shuffle=True).batches(1, 2)))
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    together = contents(list(BucketLoader(data, 8, seed=3, shuffle=True, num_workers=workers).batches(1, 2)))
    assert together == alone
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), str(np.random.get_state()))


def test_without_workers_no_global_generator_is_used() -> None:
    data = replace(examples(random_lengths(60)), augment=jitter)
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    list(BucketLoader(data, 8, seed=3, shuffle=True).batches(0))
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), str(np.random.get_state()))


@dataclass
class Fails:
    error: Exception

    def __call__(self, batch: Batch, draws: torch.Generator) -> Batch:
        raise self.error


@pytest.mark.parametrize("workers", [0, 1])
def test_a_users_error_comes_out_of_a_worker_as_it_is(workers: int) -> None:
    data = examples([2] * 9, augment=Fails(DataError("rows.csv, line 7: no label")))
    with pytest.raises(DataError) as caught:
        list(BucketLoader(data, 3, seed=0, shuffle=True, num_workers=workers).batches(0))
    assert str(caught.value) == "rows.csv, line 7: no label"


def test_any_other_error_of_a_worker_keeps_its_kind_and_its_trace() -> None:
    data = examples([2] * 9, augment=Fails(ZeroDivisionError("by nothing")))
    with pytest.raises(ZeroDivisionError, match=r"(?s)test_batching\.py.*by nothing"):
        list(BucketLoader(data, 3, seed=0, shuffle=True, num_workers=1).batches(0))


def test_workers_end_when_the_batches_are_left() -> None:
    before = set(multiprocessing.active_children())
    batches = BucketLoader(examples([2] * 90), 3, seed=0, shuffle=True, num_workers=2).batches(0)
    next(batches)
    assert len(set(multiprocessing.active_children()) - before) == 2
    batches.close()
    assert not set(multiprocessing.active_children()) - before


@pytest.mark.parametrize("shuffle", [True, False])
def test_rows_without_a_step_are_left_out(shuffle: bool) -> None:
    data = examples([0, 3, 0, 2, 5, 0])
    loader = BucketLoader(data, 2, seed=0, shuffle=shuffle)
    batches = list(loader.batches(0))
    assert len(batches) == loader.num_batches(0) == 2
    assert sorted(torch.cat([batch.targets for batch in batches]).tolist()) == [1, 3, 4]
    without = Examples(Ragged.of([data.inputs[row] for row in (1, 3, 4)]), torch.tensor([1, 3, 4]))
    assert contents(batches) == contents(list(BucketLoader(without, 2, seed=0, shuffle=shuffle).batches(0)))


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_but_empty_rows_makes_no_batch(workers: int) -> None:
    for data in (
        examples([0, 0]),
        Examples(Ragged(torch.zeros(0, 1), torch.zeros(1, dtype=torch.int64)), torch.zeros(0)),
    ):
        for shuffle in (True, False):
            loader = BucketLoader(data, 2, seed=0, shuffle=shuffle, num_workers=workers)
            assert loader.num_batches(0) == 0
            assert list(loader.batches(0)) == loader.rows(0) == []
