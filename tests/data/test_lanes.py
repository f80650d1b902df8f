import pytest
import torch
from torch import Tensor

from seqnet.batch import IGNORE, Batch
from seqnet.data import lanes
from seqnet.data.examples import Ragged, Stream
from seqnet.data.lanes import LaneLoader, evaluation_lanes

A, B, C = [10, 11, 12, 13, 14], [20, 21, 22], [30, 31, 32, 33]


def stream(*documents: list[int]) -> Stream:
    return Stream(Ragged.of([torch.tensor(document, dtype=torch.int64) for document in documents]))


def loader(*documents: list[int], lanes: int = 2, window: int | None = 2, shuffle: bool = False) -> LaneLoader:
    return LaneLoader(stream(*documents), lanes, window, seed=0, shuffle=shuffle)


def asked(batches: list[Batch]) -> list[tuple[int, int]]:
    """Every (token, the one asked for after it), sorted."""
    pairs = []
    for batch in batches:
        inside = torch.arange(batch.time) < batch.lengths[:, None]
        assert (batch.targets[~inside] == IGNORE).all()
        assert (batch.inputs[~inside] == 0).all()
        pairs += list(zip(batch.inputs[inside].tolist(), batch.targets[inside].tolist(), strict=True))
    return sorted(pairs)


def test_one_document_is_cut_into_lanes_that_overlap_by_one_token() -> None:
    (batch,) = loader(list(range(1, 8))).batches(0)
    assert batch.inputs.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert batch.targets.tolist() == [[2, 3, 4], [5, 6, 7]]
    assert batch.lengths.tolist() == [3, 3]
    assert batch.starts is not None and batch.starts.tolist() == [True, True]
    assert batch.full


def test_even_lanes_are_views_of_the_text() -> None:
    text = stream(list(range(1, 8)))
    (batch,) = LaneLoader(text, 2, 2, seed=0, shuffle=True).batches(0)
    assert batch.inputs.data_ptr() == text.documents.flat.data_ptr()
    assert batch.targets.data_ptr() == text.documents.flat[1:].data_ptr()


def test_uneven_lanes_end_in_padding() -> None:
    (batch,) = loader(list(range(1, 9)), lanes=3).batches(0)
    assert batch.inputs.tolist() == [[1, 2, 0], [3, 4, 0], [5, 6, 7]]
    assert batch.targets.tolist() == [[2, 3, IGNORE], [4, 5, IGNORE], [6, 7, 8]]
    assert batch.lengths.tolist() == [2, 2, 3]
    assert [window.full for window in batch.windows(2)] == [True, False]


@pytest.mark.parametrize("share", [slice(0, 2), slice(2, 4), slice(4, 4)])
@pytest.mark.parametrize(("size", "stride"), [(None, None), (5, 5), (5, 3)])
def test_some_lanes_of_a_large_document_are_those_of_a_small_one(
    monkeypatch: pytest.MonkeyPatch, share: slice, size: int | None, stride: int | None
) -> None:
    text = list(range(1, 56))
    (small,) = loader(text, lanes=4).batches(0)
    monkeypatch.setattr(lanes, "LARGE", 0)
    (large,) = loader(text, lanes=4).batches(0)
    assert large.inputs.is_meta
    pairs = zip(small.windows(size, stride), large.rows(share).windows(size, stride), strict=True)
    for whole, found in pairs:
        wanted = whole.rows(share)
        assert torch.equal(found.inputs, wanted.inputs) and torch.equal(found.targets, wanted.targets)
        assert torch.equal(found.lengths, wanted.lengths) and found.advance == wanted.advance


@pytest.mark.parametrize("tokens", [2, 3, 10, 11, 97])
@pytest.mark.parametrize("lanes", [1, 2, 8, 200])
def test_every_token_but_the_first_is_asked_for_once(tokens: int, lanes: int) -> None:
    made = loader(list(range(1, tokens + 1)), lanes=lanes)
    assert made.num_batches(0) == 1
    (batch,) = made.batches(0)
    assert asked([batch]) == [(token, token + 1) for token in range(1, tokens)]
    assert int(batch.lengths.max() - batch.lengths.min()) <= 1
    assert int(batch.lengths.min()) >= 1


def test_documents_begin_at_a_windows_border() -> None:
    batches = list(loader(A, B, C).batches(0))
    seen = [(b.inputs.tolist(), b.targets.tolist(), b.lengths.tolist(), starts(b)) for b in batches]
    assert seen == [
        ([[10, 11], [20, 21]], [[11, 12], [21, 22]], [2, 2], [True, True]),
        ([[12, 13], [30, 31]], [[13, 14], [31, 32]], [2, 2], [False, True]),
        ([[0], [32]], [[IGNORE], [33]], [0, 1], [False, False]),
    ]


def starts(batch: Batch) -> list[bool]:
    assert isinstance(batch.starts, Tensor)
    return batch.starts.tolist()


def test_what_is_left_of_a_documents_last_window_is_padding() -> None:
    batches = list(loader(C, A, B, lanes=1, window=2).batches(0))
    assert [batch.inputs.tolist() for batch in batches] == [[[30, 31]], [[32]], [[10, 11]], [[12, 13]], [[20, 21]]]
    assert [starts(batch) for batch in batches] == [[True], [False], [True], [False], [True]]


def test_without_a_window_a_batch_is_a_document_a_lane() -> None:
    batches = list(loader(A, B, C, window=None).batches(0))
    assert [batch.inputs.tolist() for batch in batches] == [
        [[10, 11, 12, 13], [20, 21, 0, 0]],
        [[30, 31, 32], [0, 0, 0]],
    ]
    assert [batch.lengths.tolist() for batch in batches] == [[4, 2], [3, 0]]


def test_documents_of_one_token_or_none_are_left_out() -> None:
    made = loader([1], A, [], [2])
    assert made.single
    assert asked(list(made.batches(0))) == [(10, 11), (11, 12), (12, 13), (13, 14)]
    empty = loader([1], [], [2])
    assert empty.num_batches(0) == 0
    assert list(empty.batches(0)) == []


def documents(count: int) -> list[list[int]]:
    """Documents of 2 to 24 tokens, each token a number of its own."""
    made, token = [], 1
    for n in range(count):
        length = 2 + n * 7 % 23
        made.append(list(range(token, token + length)))
        token += length
    return made


def expected(made: list[list[int]]) -> list[tuple[int, int]]:
    return sorted(pair for document in made for pair in zip(document, document[1:], strict=False))


@pytest.mark.parametrize("window", [1, 3, 8, None])
@pytest.mark.parametrize("lanes", [1, 4, 50])
def test_every_epoch_asks_for_every_token_once(lanes: int, window: int | None) -> None:
    texts = documents(30)
    made = loader(*texts, lanes=lanes, window=window, shuffle=True)
    for epoch in (0, 1):
        batches = list(made.batches(epoch))
        assert len(batches) == made.num_batches(epoch)
        assert asked(batches) == expected(texts)
        assert all(starts(batches[0]))


def test_lanes_follow_documents_in_order() -> None:
    texts = documents(20)
    begins = {document[0] for document in texts}
    last: list[int] = [0] * 3
    for batch in loader(*texts, lanes=3, window=4, shuffle=True).batches(0):
        for lane, length in enumerate(batch.lengths.tolist()):
            if not length:
                assert not starts(batch)[lane]
                continue
            first = int(batch.inputs[lane, 0])
            assert starts(batch)[lane] == (first in begins)
            assert first in begins or first == last[lane]  # goes on where its own lane stopped
            last[lane] = int(batch.targets[lane, length - 1])


def test_batches_are_a_function_of_seed_epoch_and_number() -> None:
    texts = documents(20)

    def read(seed: int, epoch: int, start: int = 0) -> list[list[list[int]]]:
        made = LaneLoader(stream(*texts), 3, 4, seed, shuffle=True)
        return [batch.inputs.tolist() for batch in made.batches(epoch, start)]

    before = torch.get_rng_state()
    assert read(0, 1) == read(0, 1)
    assert read(0, 1)[3:] == read(0, 1, start=3)
    assert read(0, 0) != read(0, 1)
    assert read(0, 0) != read(1, 0)
    assert torch.equal(before, torch.get_rng_state())


def test_the_single_batch_can_be_passed_over() -> None:
    assert list(loader(A).batches(0, start=1)) == []


def test_a_few_long_documents_fill_all_lanes() -> None:
    texts = [list(range(1, 40_001)), list(range(50_000, 55_000)), list(range(60_000, 60_100))]
    made = loader(*texts, lanes=8, window=100, shuffle=True)
    batches = list(made.batches(0))
    assert batches[0].size == 8
    assert asked(batches) == expected(texts)
    steps = sum(batch.size * batch.time for batch in batches)
    assert sum(int(batch.lengths.sum()) for batch in batches) / steps > 0.7
    alone = loader(*texts, lanes=1, window=100)
    assert sum(sum(starts(batch)) for batch in alone.batches(0)) == 3  # nothing is cut for a single lane


def test_evaluation_lanes_are_long() -> None:
    assert [evaluation_lanes(tokens, 32) for tokens in (0, 9_999, 20_000, 111_540, 10**7)] == [1, 1, 2, 11, 32]


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        loader(A, lanes=0)
    with pytest.raises(ValueError, match="at least 1"):
        loader(A, window=0)
