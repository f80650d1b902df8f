"""What a forecast is compared with, by hand."""

import torch

from seqnet.data.examples import Ragged
from seqnet.data.references import lagged, references

NAN = float("nan")


def column(*rows):
    return Ragged.of([torch.tensor(row)[:, None] for row in rows])


def test_by_hand():
    values = [1.0, 5.0, 2.0, 7.0, 4.0]
    found = references(column(values, [9.0, 8.0]), season=2, horizon=3)
    # the value; the values two before the next three steps, in the first season the value; |2-1|, |7-5| and |4-2|
    expected = [
        [1.0, 1.0, 1.0, 1.0, NAN],
        [5.0, 1.0, 5.0, 1.0, NAN],
        [2.0, 5.0, 2.0, 5.0, 1.0],
        [7.0, 2.0, 7.0, 2.0, 1.5],
        [4.0, 7.0, 4.0, 7.0, 5 / 3],
        [9.0, 9.0, 9.0, 9.0, NAN],
        [8.0, 9.0, 8.0, 9.0, NAN],
    ]
    torch.testing.assert_close(found, torch.tensor(expected), equal_nan=True)


def test_what_comes_later_or_in_another_row_changes_nothing():
    torch.manual_seed(0)
    one = column(*torch.randn(3, 20).tolist())
    other = Ragged(one.flat.clone(), one.offsets)
    other.flat[30:] += 100
    before, after = (references(each, 4, 6) for each in (one, other))
    assert torch.equal(before[:30].nan_to_num(), after[:30].nan_to_num())


def test_a_missing_value_is_no_difference():
    found = references(column([1.0, NAN, 3.0, 4.0]), season=1, horizon=1)
    torch.testing.assert_close(found[:, 2], torch.tensor([NAN, NAN, NAN, 1.0]), equal_nan=True)


def test_the_last_values_oldest_first():
    found = lagged(column([1.0, 2.0, 3.0], [7.0]), 2)[..., 0]
    torch.testing.assert_close(found, torch.tensor([[NAN, 1.0], [1.0, 2.0], [2.0, 3.0], [NAN, 7.0]]), equal_nan=True)
