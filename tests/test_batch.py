from dataclasses import replace

import pytest
import torch

from seqnet.batch import IGNORE, Batch, has_target


def steps_batch(time: int = 10, rows: int = 3) -> Batch:
    inputs = torch.arange(rows * time).view(rows, time)
    return Batch(inputs=inputs, lengths=torch.full((rows,), time), targets=inputs + 1)


@pytest.mark.parametrize("size", [1, 3, 4, 7, 10, 12])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, None])
def test_every_step_is_asked_exactly_once(size: int, stride: int | None) -> None:
    if stride is not None and stride > size:
        return
    batch = steps_batch()
    found, read = [], 0
    for window in batch.windows(size, stride):
        assert torch.equal(window.inputs, batch.inputs[:, read : read + window.time])
        found.append(window.targets[has_target(window.targets)].view(3, -1))
        read += window.advance
    assert read == 10
    assert torch.equal(torch.cat(found, dim=1), batch.targets)


def test_windows_by_hand() -> None:
    batch = steps_batch(time=7, rows=1)
    windows = list(batch.windows(4, 2))
    assert [w.inputs.tolist() for w in windows] == [[[0, 1, 2, 3]], [[2, 3, 4, 5]], [[4, 5, 6]]]
    assert [w.targets.tolist() for w in windows] == [
        [[1, 2, 3, 4]],
        [[IGNORE, IGNORE, 5, 6]],
        [[IGNORE, IGNORE, 7]],
    ]
    assert [w.advance for w in windows] == [2, 2, 3]


def test_window_over_everything_is_the_batch_itself() -> None:
    batch = steps_batch()
    assert next(batch.windows(None)) is batch
    assert next(batch.windows(10)) is batch


@pytest.mark.parametrize(("size", "stride"), [(3, 3), (3, 1), (4, 2), (5, 5)])
@pytest.mark.parametrize("kind", ["class", "number"])
def test_a_row_target_is_asked_where_its_row_ends(size: int, stride: int, kind: str) -> None:
    lengths = torch.tensor([0, 1, 3, 4, 9, 10])
    targets = torch.arange(6) if kind == "class" else torch.arange(6.0)[:, None]
    batch = Batch(torch.zeros(6, 10, 2), lengths, targets, row_targets=True)
    times = torch.zeros(6, dtype=torch.long)
    read = 0
    for window in batch.windows(size, stride):
        here = has_target(window.targets).view(6, -1)[:, 0]
        times += here
        assert ((lengths[here] > read) | (lengths[here] == 0)).all()
        assert (lengths[here] <= read + window.time).all()
        read += window.advance
    assert times.tolist() == [1] * 6


def test_lengths_starts_and_views_are_cut_alike() -> None:
    batch = Batch(
        inputs=torch.zeros(2, 6),
        lengths=torch.tensor([6, 3]),
        targets=torch.zeros(2, 6, dtype=torch.long),
        starts=torch.tensor([True, False]),
        views={"characters": torch.arange(24).view(2, 6, 2)},
    )
    first, second = batch.windows(4)
    assert first.lengths.tolist() == [4, 3] and second.lengths.tolist() == [2, 0]
    assert first.starts is not None and first.starts.tolist() == [True, False] and not first.continues
    assert second.continues
    assert torch.equal(second.views["characters"], batch.views["characters"][:, 4:])
    assert not first.full and not second.full


def test_source_is_never_cut() -> None:
    source = torch.arange(8).view(2, 4)
    batch = Batch(
        torch.zeros(2, 6), torch.tensor([6, 6]), torch.zeros(2, 6), source=source, source_lengths=torch.tensor([4, 2])
    )
    assert all(window.source is source for window in batch.windows(2))


@pytest.mark.parametrize("stride", [-1, 5])
def test_stride_outside_the_window_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match="stride"):
        next(steps_batch().windows(4, stride))


def test_changed_targets_are_looked_at_anew() -> None:
    batch = steps_batch()
    assert batch.full and batch.dense
    changed = replace(batch, targets=torch.full_like(batch.targets, IGNORE))
    assert changed.full and not changed.dense


def test_windows_know_what_their_batch_knows() -> None:
    batch = steps_batch()
    assert all(window.dense for window in batch.windows(4))
    assert [window.dense for window in batch.windows(4, 2)] == [True, False, False, False]
    assert all("dense" in vars(window.to(torch.device("meta"))) for window in batch.windows(4))


def test_what_is_filled_is_counted_on_both_sides() -> None:
    batch = replace(steps_batch(time=4, rows=2), lengths=torch.tensor([4, 1]))
    assert batch.filled() == [(5, 8)]
    batch = replace(batch, source=torch.zeros(2, 3, 5), source_lengths=torch.tensor([1, 3]))
    assert batch.filled() == [(5, 8), (4, 6)]
    assert [window.filled() for window in batch.windows(2)] == [[(3, 4), (4, 6)], [(2, 4), (4, 6)]]
    assert steps_batch(time=4, rows=2).filled() == [(8, 8)]
