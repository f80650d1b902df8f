import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import equal_rows, generator

TOKENS = Ragged.of(
    [torch.tensor([1, 2, 3]), torch.tensor([4]), torch.tensor([], dtype=torch.int64), torch.tensor([5, 6])]
)


def test_ragged_gives_back_its_rows() -> None:
    assert len(TOKENS) == 4
    assert TOKENS.lengths.tolist() == [3, 1, 0, 2]
    assert [TOKENS[row].tolist() for row in range(4)] == [[1, 2, 3], [4], [], [5, 6]]


def test_ragged_pads_the_chosen_rows_at_their_ends() -> None:
    assert TOKENS.pad(torch.tensor([3, 0, 2])).tolist() == [[5, 6, 0], [1, 2, 3], [0, 0, 0]]
    assert TOKENS.pad(torch.tensor([1, 3]), -7).tolist() == [[4, -7], [5, 6]]
    vectors = Ragged(torch.arange(12.0).view(6, 2), TOKENS.offsets)
    assert vectors.pad(torch.tensor([1, 3])).tolist() == [[[6, 7], [0, 0]], [[8, 9], [10, 11]]]


def test_padding_changes_nothing_in_the_rows_themselves() -> None:
    before = TOKENS.flat.clone()
    TOKENS.pad(torch.tensor([2, 1, 0]), -1)
    assert torch.equal(TOKENS.flat, before)


def test_no_rows_and_empty_rows_can_be_padded() -> None:
    assert TOKENS.pad(torch.tensor([], dtype=torch.int64)).shape == (0, 0)
    assert TOKENS.pad(torch.tensor([2])).shape == (1, 0)


def test_a_batch_pads_inputs_with_0_and_targets_with_nothing_asked() -> None:
    classes = Examples(TOKENS, TOKENS, views={"twice": Ragged(TOKENS.flat * 2, TOKENS.offsets)}).batch(
        torch.tensor([0, 1])
    )
    assert classes.inputs.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert classes.targets.tolist() == [[1, 2, 3], [4, IGNORE, IGNORE]]
    assert classes.views["twice"].tolist() == [[2, 4, 6], [8, 0, 0]]
    assert classes.lengths.tolist() == [3, 1]
    assert not classes.row_targets
    assert not classes.full
    numbers = Examples(TOKENS, Ragged(TOKENS.flat.float(), TOKENS.offsets)).batch(torch.tensor([1, 3]))
    assert numbers.targets[0, 1].isnan()
    assert numbers.targets.isnan().sum() == 1


def test_a_batch_of_row_targets_and_sources() -> None:
    source = Ragged.of([torch.tensor([row] * (row + 1)) for row in range(4)])
    batch = Examples(TOKENS, torch.tensor([10, 11, 12, 13]), source=source).batch(torch.tensor([3, 0]))
    assert batch.targets.tolist() == [13, 10]
    assert batch.row_targets
    assert batch.source is not None
    assert batch.source.tolist() == [[3, 3, 3, 3], [0, 0, 0, 0]]
    assert batch.source_lengths is not None
    assert batch.source_lengths.tolist() == [4, 1]


def test_equal_rows_are_views_of_what_they_are_given() -> None:
    steps = torch.arange(12.0).view(2, 3, 2)
    rows = equal_rows(steps)
    assert rows.lengths.tolist() == [3, 3]
    assert torch.equal(rows[1], steps[1])
    assert rows.flat.data_ptr() == steps.data_ptr()


def test_generators_depend_on_every_part_and_on_where_one_ends() -> None:
    parts = [(0,), (1,), (0, 1), (1, 0), (0, 12), (0, 1, 2), (1, 2), (0, "1"), ("01",), (-1,), (2**70,)]
    draws = {tuple(torch.randint(2**62, (2,), generator=generator(*part)).tolist()) for part in parts}
    assert len(draws) == len(parts)
    assert generator(3, "train").initial_seed() == generator(3, "train").initial_seed()


@pytest.mark.parametrize("rows", [[0, 2], [2, 0]])
def test_an_empty_row_among_others_is_padding_only(rows: list[int]) -> None:
    batch = Examples(TOKENS, TOKENS).batch(torch.tensor(rows))
    assert batch.inputs[rows.index(2)].tolist() == [0, 0, 0]
    assert batch.targets[rows.index(2)].tolist() == [IGNORE] * 3
