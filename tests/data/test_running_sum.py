import pytest
import torch

from seqnet.cells.rnn import RNN
from seqnet.data.examples import Ragged
from seqnet.data.sources.running_sum import RunningSum
from seqnet.errors import ConfigurationError, DataError

SMALL = {"train_size": 200, "valid_size": 20, "test_size": 20}


def test_the_target_is_the_sum_so_far() -> None:
    data = RunningSum(0, 20, **SMALL).split("train")
    assert isinstance(data.targets, Ragged)
    values, sums = data.inputs.flat.view(200, 20), data.targets.flat.view(200, 20)
    assert torch.equal(values.double().cumsum(1), sums.double()), "sums are exact, not merely close"
    assert -1 <= values.min() < -0.99
    assert 0.99 < values.max() <= 1


def test_a_linear_unit_with_hand_set_weights_solves_it_exactly() -> None:
    data = RunningSum(0, 20, **SMALL).split("test")
    batch = data.batch(torch.arange(20))
    cell = RNN(1, 1, nonlinearity="linear")
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.weight_ih[0, 0] = 1  # add what comes in
        cell.weight_hh[0, 0] = 1  # to all that came before
        state = cell.initial_state(20)
        for step in range(20):
            output, state = cell(batch.inputs[:, step], state)
            assert torch.equal(output, batch.targets[:, step])


def test_splits_are_reproducible_and_differ() -> None:
    splits = [RunningSum(0, 5, **SMALL).split(name).inputs.flat for name in ("valid", "test", "valid")]
    assert torch.equal(splits[0], splits[2])
    assert not torch.equal(splits[0], splits[1])


def test_what_a_user_hands_in_is_read_line_by_line() -> None:
    data = RunningSum(0).read_inputs(["[0.5, [1], -2]"], "stdin")
    assert data.inputs[0].tolist() == [[0.5], [1], [-2]]
    assert isinstance(data.targets, Ragged)
    assert data.targets.flat.shape == (3, 1)
    assert data.targets.flat.isnan().all()
    with pytest.raises(DataError, match=r"^stdin, line 1, step 2: 2 numbers where there must be 1$"):
        RunningSum(0).read_inputs(["[0.5, [1, 2]]"], "stdin")


def test_a_row_is_shown_by_its_first_numbers() -> None:
    source = RunningSum(0)
    assert source.show(torch.tensor([[0.5], [-0.25]])) == "0.50 -0.25"
    assert source.show(torch.zeros(40, 1)).endswith("0.00 ... (40 steps)")


def test_no_step_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^data.length must be at least 1"):
        RunningSum(0, 0)
