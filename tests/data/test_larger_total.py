import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.cells.rnn import RNN
from seqnet.data.sources.larger_total import LargerTotal
from seqnet.errors import ConfigurationError, DataError

SMALL = {"train_size": 2000, "valid_size": 20, "test_size": 20}


def test_the_label_is_the_input_with_the_larger_total() -> None:
    data = LargerTotal(0, 20, **SMALL).split("train")
    values = data.inputs.flat.view(2000, 20, 2)
    first, second = values.double().sum(1).unbind(1)
    assert torch.equal(data.targets == 1, second > first)
    assert 900 < data.targets.sum() < 1100
    assert values.min() >= 0
    assert values.max() <= 1


@pytest.mark.parametrize("length", [1, 2])
def test_there_is_never_a_tie(length: int) -> None:
    data = LargerTotal(0, length, train_size=100000).split("train")
    values = data.inputs.flat.view(-1, length, 2)
    first, second = values.sum(1).unbind(1)
    assert (first != second).all()
    assert values.min() >= 0
    assert values.max() <= 1
    assert ((first - second).abs() == 1 / 1024).sum() > 50, "so short, some ties were drawn and decided by one step"


def test_a_linear_unit_with_hand_set_weights_solves_it_exactly() -> None:
    data = LargerTotal(0, 20, **SMALL).split("train")
    batch = data.batch(torch.arange(2000))
    cell = RNN(2, 1, nonlinearity="linear")
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.weight_ih.copy_(torch.tensor([[-1.0, 1.0]]))  # the second's lead over the first
        cell.weight_hh[0, 0] = 1
        state = cell.initial_state(2000)
        for step in range(20):
            lead, state = cell(batch.inputs[:, step], state)
    assert torch.equal((lead[:, 0] > 0).long(), batch.targets)
    assert lead.abs().min() >= 1 / 1024


def test_splits_are_reproducible_and_differ() -> None:
    splits = [LargerTotal(0, 5, **SMALL).split(name).inputs.flat for name in ("valid", "test", "valid")]
    assert torch.equal(splits[0], splits[2])
    assert not torch.equal(splits[0], splits[1])


def test_what_a_user_hands_in_is_read_line_by_line() -> None:
    data = LargerTotal(0).read_inputs(["[[1, 2], [3, 0.5]]", "[[0, 0]]"], "stdin")
    assert data.inputs[0].tolist() == [[1, 2], [3, 0.5]]
    assert data.targets.tolist() == [IGNORE, IGNORE]
    with pytest.raises(DataError, match=r"^stdin, line 1, step 1: 3 numbers where there must be 2$"):
        LargerTotal(0).read_inputs(["[[1, 2, 3]]"], "stdin")


def test_a_row_is_shown_with_its_totals() -> None:
    shown = LargerTotal(0).show(torch.tensor([[0.5, 0.25], [0.0, 1.0]]))
    assert shown == "(0.50, 0.25) (0.00, 1.00), totals 0.500 and 1.250"


def test_no_step_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^data.length must be at least 1"):
        LargerTotal(0, 0)
