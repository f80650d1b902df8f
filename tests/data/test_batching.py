import atexit
import gc
import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from seqnet.batch import Batch
from seqnet.data import workers
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


def pairs_of(rows: int) -> Examples:
    """Pairs with lengths as captions in two languages have them: about 12 and 12 words, alike but not equal."""
    draws = generator(7)
    longer = torch.randn(rows, generator=draws) * 4 + 12
    sides = [(longer + torch.randn(rows, generator=draws) * 2).round().clamp(2, 40).long() for _ in range(2)]
    source, target = (Ragged.of([torch.zeros(int(length), dtype=torch.int64) for length in side]) for side in sides)
    return Examples(target, target, source=source)


def test_little_of_a_batch_of_captions_and_their_translations_is_padding() -> None:
    batches = list(BucketLoader(pairs_of(20_000), 64, seed=1, shuffle=True).batches(0))
    sides = [side for batch in batches for side in batch.filled()]
    assert 1 - sum(filled for filled, _ in sides) / sum(places for _, places in sides) <= 0.08


def test_little_of_a_batch_of_sentences_is_padding() -> None:
    lengths = (torch.randn(3_400, generator=generator(7)) * 0.5 + 2.8).exp().round().clamp(1, 80).long()
    assert padded_share(list(BucketLoader(examples(lengths), 16, seed=1, shuffle=True).batches(0))) <= 0.07


def test_sources_rise_and_fall_in_turn() -> None:
    source = Ragged.of([torch.zeros(length, 1) for length in (1, 9, 1, 9)])
    loader = BucketLoader(replace(examples([1, 1, 2, 2]), source=source), 1, seed=0, shuffle=False)
    assert torch.cat(loader.rows(0)).tolist() == [0, 1, 3, 2]  # lengths (1, 1), (1, 9), (2, 9), (2, 1)


def widths(data: Examples, rows: Tensor) -> list[int]:
    """The longer side of each row, row by row."""
    sides = [data.inputs] if data.source is None else [data.inputs, data.source]
    return [max(len(side[int(row)]) for side in sides) for row in rows]


@pytest.mark.parametrize("data", [examples(random_lengths(300, 30)), pairs_of(300)], ids=["rows", "pairs"])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("tokens", [1, 40, 100, 10**6])
def test_a_batch_holds_as_many_rows_as_fit_into_its_tokens(data: Examples, shuffle: bool, tokens: int) -> None:
    loader = BucketLoader(data, 8, seed=0, shuffle=shuffle, batch_tokens=tokens, pool=10**6)
    batches = loader.rows(3)
    assert len(batches) == loader.num_batches(3) == len(list(loader.batches(3)))
    assert sorted(torch.cat(batches).tolist()) == list(range(300))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * max(widths(data, rows)) <= tokens
    if not shuffle:  # in their order: the row after a batch would not have fitted
        for rows, after in zip(batches, batches[1:], strict=False):
            assert (len(rows) + 1) * max(*widths(data, rows), *widths(data, after[:1])) > tokens


def test_batches_of_tokens_waste_little_and_are_cut_from_pools() -> None:
    data = examples(random_lengths(8_000))
    loader = BucketLoader(data, 1, seed=0, shuffle=True, batch_tokens=1_600, pool=20)
    batches = list(loader.batches(0))
    assert padded_share(batches) <= 0.1
    assert 0.8 * 1_600 < sum(batch.size * batch.time for batch in batches) / len(batches) <= 1_600
    first = torch.cat(loader.rows(0)[:20])
    assert len(first) < 2_000, "a pool holds about as many rows as its batches do, not all there are"


def test_how_many_batches_of_tokens_there_are_depends_on_the_epoch() -> None:
    loader = BucketLoader(examples(random_lengths(500)), 1, seed=0, shuffle=True, batch_tokens=300, pool=3)
    counts = [loader.num_batches(epoch) for epoch in range(8)]
    assert len(set(counts)) > 1
    for epoch, count in enumerate(counts):
        assert len(list(loader.batches(epoch, start=count - 2))) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_of_tokens_are_a_pure_function_too(workers: int) -> None:
    data = replace(examples(random_lengths(60)), augment=jitter)
    options = {"seed": 3, "shuffle": True, "batch_tokens": 200}
    whole = contents(list(BucketLoader(data, 8, **options).batches(2)))
    for start in (0, 1, len(whole) - 1, len(whole)):
        again = BucketLoader(data, 5, **options, num_workers=workers)
        assert contents(list(again.batches(2, start))) == whole[start:]


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


def interrupted(made_ahead: Any, *given: Any, **named: Any) -> None:
    raise KeyboardInterrupt


def with_workers() -> Iterator[Batch]:
    return BucketLoader(examples([2] * 90), 3, seed=0, shuffle=True, num_workers=2).batches(0)


def test_a_worker_that_dies_as_the_others_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch raises then, wherever it is, would leave half an iterator, and workers for which Python waits."""
    begin = _MultiProcessingDataLoaderIter._reset

    def dying(made_ahead: Any, *given: Any, **named: Any) -> None:
        os.kill(made_ahead._workers[1].pid, signal.SIGKILL)
        os.waitid(os.P_PID, made_ahead._workers[1].pid, os.WEXITED | os.WNOWAIT)
        begin(made_ahead, *given, **named)

    monkeypatch.setattr(_MultiProcessingDataLoaderIter, "_reset", dying)
    before = set(multiprocessing.active_children())
    with pytest.raises(RuntimeError, match=r"is killed by signal: Killed"):
        next(with_workers())
    assert not set(multiprocessing.active_children()) - before


def test_an_interrupt_as_workers_begin_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(multiprocessing.active_children())
    monkeypatch.setattr(_MultiProcessingDataLoaderIter, "_reset", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(with_workers())
    assert not set(multiprocessing.active_children()) - before


def test_an_interrupt_as_workers_end_leaves_them_to_the_end_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    before, left = set(multiprocessing.active_children()), []
    monkeypatch.setattr(atexit, "register", left.append)
    batches = with_workers()
    next(batches)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(BaseProcess, "kill", interrupted)
        batches.close()
    (end,) = left
    end()
    assert not set(multiprocessing.active_children()) - before


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # what a worker was about to send is left as it is
@pytest.mark.parametrize("ends", ["at the end", "before", "as one dies"])
def test_no_worker_is_asked_to_end(ends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that died may hold the lock of the event that would ask them, which whoever sets it waits for."""
    asked: list[Any] = []
    monkeypatch.setattr(workers._Told, "set", asked.append)
    batches = with_workers()
    next(batches)
    if ends == "as one dies":
        with pytest.raises(RuntimeError, match=r"is killed by signal: Killed"):
            for _ in batches:
                os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
    elif ends == "at the end":
        assert len(list(batches)) == 29
    batches.close()
    del batches
    gc.collect()
    assert not asked


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
            assert BucketLoader(data, 2, seed=0, shuffle=shuffle, batch_tokens=9).num_batches(0) == 0
