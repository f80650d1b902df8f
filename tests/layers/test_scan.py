"""A cell that goes through a sequence at once is taken at its word, whoever wrote it."""

import pytest
import torch
from torch import nn

from seqnet.cells import native
from seqnet.cells.mingru import MinGRU
from seqnet.cells.scanned import is_scanned
from seqnet.layers.layer import Layer
from seqnet.layers.scan import scan
from seqnet.state import HiddenState
from seqnet.training.precision import Precision


def test_a_state_that_was_made_under_autocast_is_taken_in_the_type_of_the_weights():
    torch.manual_seed(0)
    layer, x = Layer(MinGRU(3, 4)), torch.randn(2, 5, 3)
    state = HiddenState(torch.rand(2, 4).bfloat16())
    with Precision("bf16", torch.device("cpu")).autocast():
        y, after = layer(x, state)
        again, _ = layer(x[:, :1], state)
    expected, _ = layer(x, HiddenState(state.hidden.float()))
    assert y.dtype == after.hidden.dtype == torch.float32
    assert y.equal(expected)
    torch.testing.assert_close(again, expected[:, :1])


class Sums(nn.Module):
    """The sum of what was read, all at once."""

    def __init__(self):
        super().__init__()
        self.hidden_size = 1
        self.scans = 0

    def initial_state(self, batch_size):
        return HiddenState(torch.zeros(batch_size, 1))

    def forward(self, x, state):
        hidden = state.hidden + x
        return 10 * hidden, HiddenState(hidden)

    def scan(self, x, state):
        self.scans += 1
        hidden = state.hidden[:, None] + x.cumsum(1)
        return 10 * hidden, HiddenState(hidden)


class OtherStep(MinGRU):
    def step(self, projected, state):
        y, state = super().step(projected, state)
        return -y, state


class OtherForward(MinGRU):
    def forward(self, x, state):
        return super().forward(2 * x, state)


class OtherGates(MinGRU):
    def gates(self, x, state):
        return {}


def test_numbers_by_hand_with_padding_that_holds_nothing_to_be_read():
    cell = Sums()
    layer = Layer(cell)
    assert layer.realisation == "scan"
    x = torch.tensor([[1.0, 2, 3], [4, float("nan"), float("inf")], [float("nan")] * 3])[..., None]
    y, state = layer(x, HiddenState(torch.tensor([[0.0], [1], [7]])), torch.tensor([3, 1, 0]))
    assert y.squeeze(-1).tolist() == [[10, 30, 60], [50, 0, 0], [0, 0, 0]]
    assert state.hidden.flatten().tolist() == [6, 5, 7]
    y, state = layer(x[:1])
    assert y.flatten().tolist() == [10, 30, 60] and state.hidden.tolist() == [[6]]
    assert cell.scans == 2


def test_a_single_step_is_the_cells_own_step():
    cell = Sums()
    y, state = Layer(cell)(torch.tensor([[[2.0]]]), HiddenState(torch.tensor([[1.0]])))
    assert (y.item(), state.hidden.item(), cell.scans) == (30, 3, 0)


@pytest.mark.parametrize("kind", [OtherStep, OtherForward])
def test_a_subclass_that_replaces_the_step_is_unrolled(kind):
    assert not is_scanned(kind(2, 3)) and Layer(kind(2, 3)).realisation == "unrolled"


def test_a_subclass_that_keeps_the_step_is_not():
    assert is_scanned(OtherGates(2, 3)) and not is_scanned(nn.Linear(2, 3))
    assert (
        Layer(OtherGates(2, 3)).realisation == "scan" and Layer(OtherGates(2, 3), fused=False).realisation == "unrolled"
    )


def test_a_carried_state_does_not_hold_the_whole_sequence():
    _, state = Layer(MinGRU(2, 3))(torch.randn(4, 50, 2))
    assert state.hidden.untyped_storage().nbytes() == 4 * 3 * 4


def test_under_autocast_a_cpu_computes_in_the_weights_type():
    torch.manual_seed(0)
    layer, x = Layer(MinGRU(3, 4)), torch.randn(2, 5, 3)
    expected, _ = layer(x)
    with Precision("bf16", torch.device("cpu")).autocast():
        found, state = layer(x)
    assert found.dtype == state.hidden.dtype == torch.float32
    assert torch.equal(found, expected)


def test_without_a_compiler_the_same_comes_out(monkeypatch):
    torch.manual_seed(0)
    cell, x = MinGRU(3, 4), torch.randn(2, 6, 3)
    state, lengths = HiddenState(torch.randn(2, 4)), torch.tensor([6, 2])
    expected, _ = scan(cell, x, state, lengths)
    monkeypatch.setattr(native, "library", lambda: None)
    found, _ = scan(cell, x, state, lengths)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
