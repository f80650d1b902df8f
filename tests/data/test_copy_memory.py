import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from seqnet.batch import IGNORE
from seqnet.data.examples import Ragged
from seqnet.data.sources.copy_memory import CopyMemory
from seqnet.errors import ConfigurationError, DataError

SMALL = {"train_size": 300, "valid_size": 20, "test_size": 20}


def test_the_layout_is_the_published_one() -> None:
    data = CopyMemory(0, 5, **SMALL).split("train")
    assert isinstance(data.targets, Ragged)
    for row in range(300):
        inputs, targets = data.inputs[row].tolist(), data.targets[row].tolist()
        symbols = inputs[:10]
        assert inputs == symbols + [0] * 4 + [9] * 11
        assert targets == [0] * 15 + symbols
    symbols = data.inputs.flat.view(300, 25)[:, :10]
    assert symbols.unique().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (symbols.flatten().bincount()[1:] > 300).all(), "3,000 symbols, each of eight about 375 times"


def test_the_default_is_the_published_set() -> None:
    source = CopyMemory(0)
    assert source.length == 1000
    assert source.sizes == {"train": 10000, "valid": 1000, "test": 1000}
    assert source.inputs.size == source.targets.size == 10
    assert source.split("test").lengths.unique().tolist() == [1020]


def test_remembering_nothing_costs_the_published_0_0204_nats() -> None:
    data = CopyMemory(0, 1000, test_size=50).split("test")
    assert isinstance(data.targets, Ragged)
    targets = data.targets.flat.view(50, 1020)
    memoryless = torch.full((50, 1020, 10), -math.inf)
    memoryless[:, :1010, 0] = 0  # a blank, for certain
    memoryless[:, 1010:, 1:9] = -math.log(8)  # any of the eight symbols
    loss = cross_entropy(memoryless.flatten(0, 1), targets.flatten()).item()
    assert loss == pytest.approx(10 * math.log(8) / 1020, rel=1e-5)
    assert round(loss, 5) == 0.02039


def test_splits_are_reproducible_and_differ() -> None:
    splits = [CopyMemory(0, 3, **SMALL).split(name).inputs.flat for name in ("valid", "test", "valid")]
    assert torch.equal(splits[0], splits[2])
    assert not torch.equal(splits[0], splits[1])


def test_what_a_user_hands_in_is_read_line_by_line() -> None:
    source = CopyMemory(0)
    data = source.read_inputs(["[1, 8, 0, 9]", "[2.0]"], "stdin")
    assert data.inputs[0].tolist() == [1, 8, 0, 9]
    assert data.inputs[1].tolist() == [2]
    assert data.inputs.flat.dtype == torch.int64
    assert isinstance(data.targets, Ragged)
    assert data.targets[0].tolist() == [IGNORE] * 4
    assert len(source.read_inputs([], "stdin")) == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[1, 10]", "step 2: 10 is not a whole number from 0 to 9"),
        ("[1, -1]", "step 2: -1 is not a whole number from 0 to 9"),
        ("[1.5]", "step 1: 1.5 is not a whole number from 0 to 9"),
        ("[NaN]", "step 1: NaN is not a finite number"),
        ("[[1]]", r"step 1: \[1\] is not a number"),
    ],
)
def test_bad_input_is_refused_with_its_line_and_step(line: str, complaint: str) -> None:
    with pytest.raises(DataError, match=f"^stdin, line 1, {complaint}"):
        CopyMemory(0).read_inputs([line], "stdin")


def test_a_row_is_shown_with_its_runs_counted() -> None:
    assert CopyMemory(0).show(torch.tensor([3, 1, 1, 4] + [0] * 999 + [9] * 11)) == "3 1x2 4 0x999 9x11"


def test_no_blank_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^data.length must be at least 1"):
        CopyMemory(0, 0)
