import random

import pytest
import torch
from torch import Tensor, nn

from seqnet.batch import Batch, Output
from seqnet.cells.rnn import RNN
from seqnet.models.recurrent import Recurrent
from seqnet.observers.model_table import LayerRow, layer_rows, model_table
from seqnet.specs import Tokens


def test_counts_worked_out_by_hand(run):
    assert layer_rows(run.model, run.example) == [
        LayerRow("embedding", "Embedding", (4, 3, 100), 10_000 * 100),
        LayerRow("layer", "Layer (Cell)", (4, 3, 10), 100 * 10 + 10 * 10 + 10),
        LayerRow("head", "Linear", (4, 1), 10 + 1),
    ]


@pytest.mark.parametrize("fused", [True, False])
def test_the_same_counts_of_the_real_model(fused, window):
    tokens = Tokens(tuple(map(str, range(10_000))))
    model = Recurrent(
        lambda size, hidden: RNN(size, hidden, single_bias=True),
        inputs=tokens,
        views={},
        out_features=1,
        hidden_size=10,
        embedding_size=100,
        readout="last",
        fused=fused,
    )
    assert layer_rows(model, window) == [
        LayerRow("inputs.main.embedding", "Embedding", (4, 3, 100), 1_000_000),
        LayerRow("layers.0", f"Layer (RNN, {model.layers.layers[0].realisation})", (4, 3, 10), 1_110),
        LayerRow("head", "Linear", (4, 1), 11),
    ]


def test_the_table_shows_them(run):
    table = model_table(run.model, run.example)
    assert [str(cell) for cell in table.columns[3].cells] == ["1,000,000", "1,110", "11"]
    assert str(table.columns[3].footer) == "1,001,121"
    assert str(table.columns[2].header) == "output, 4 rows of 3 steps"
    assert [str(cell) for cell in table.columns[2].cells] == ["4 x 3 x 100", "4 x 3 x 10", "4 x 1"]


def test_parameters_that_are_not_trained_are_told(run):
    run.model.embedding.weight.requires_grad_(False)
    assert str(model_table(run.model, run.example).columns[0].footer) == "total (1,000,000 not trained)"


class Tied(nn.Module):
    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 5)
        self.head = nn.Linear(5, 7, bias=bias)
        self.head.weight = self.embedding.weight

    def forward(self, window: Batch) -> Output:
        return Output(self.embedding(window.inputs), self.head, None)


@pytest.mark.parametrize("bias", [True, False])
def test_tied_weights_count_once_and_are_told(bias):
    model = Tied(bias)
    window = Batch(torch.zeros(2, 3, dtype=torch.long), torch.full((2,), 3), torch.zeros(2, 3))
    embedding, head = layer_rows(model, window)
    assert (embedding.parameters, embedding.shared_with) == (35, "")
    assert (head.parameters, head.shared_with, head.shape) == (7 if bias else 0, "embedding", (2, 3, 7))
    table = model_table(model, window)
    assert str(list(table.columns[3].cells)[1]) == ("7 + shared" if bias else "shared")
    assert str(table.columns[3].footer) == str(sum(parameter.numel() for parameter in model.parameters()))


class Direct(nn.Module):
    """Holds a weight of its own beside a list of layers, the last one listed first; reads windows of any kind."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(3))
        self.last = nn.Linear(3, 2, bias=False)
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])

    def forward(self, window: Batch) -> Tensor:
        x = window.inputs
        for layer in self.layers:
            x = layer(x)
        return self.last(x * self.gain)


def test_rows_stand_in_the_order_of_the_calls_and_every_parameter_in_one():
    model = Direct()
    window = Batch(torch.zeros(2, 4, 3), torch.full((2,), 4), torch.zeros(2, 4, 2), advance=2)
    assert layer_rows(model, window) == [
        LayerRow("layers.0", "Linear", (2, 4, 3), 12),
        LayerRow("layers.1", "Linear", (2, 4, 3), 12),
        LayerRow("last", "Linear", (2, 4, 2), 6),
        LayerRow("Direct", "parameters", (), 3),
    ]


class Restless(nn.Module):
    """Draws numbers and counts its calls even in evaluation; refuses to be run with gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.frozen = nn.Linear(3, 3).eval()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, window: Batch) -> Tensor:
        assert not self.training and not torch.is_grad_enabled()
        self.calls += 1
        return self.frozen(self.norm(window.inputs[:, 0] + torch.randn(3)))


def test_the_model_is_left_as_it_was():
    model = Restless()
    window = Batch(torch.ones(2, 4, 3), torch.full((2,), 4), torch.zeros(2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    layer_rows(model, window)
    assert torch.equal(torch.get_rng_state(), torch_state) and random.getstate() == python_state
    assert model.training and model.norm.training and not model.frozen.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
