"""An output layer that begins as a ridge regression."""

import pytest
import torch
from torch import nn

from seqnet.batch import LAGS, Batch
from seqnet.cells.lstm import LSTM
from seqnet.errors import ConfigurationError
from seqnet.models.linear_base import begin_with_ridge, ridge
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.quantile import QuantileLayer
from seqnet.specs import Vector

WEIGHT = torch.tensor([[0.5, -1.0, 2.0], [0.0, 3.0, 1.0]])


def batches():
    torch.manual_seed(0)
    for _ in range(3):
        values = torch.randn(4, 30, 3) * 5 + 2
        wanted = values @ WEIGHT.T + torch.tensor([7.0, -1.0])
        wanted[:, :4] = float("nan")  # not asked
        yield Batch(torch.zeros(4, 30, 1), torch.full((4,), 30), wanted, views={LAGS: values})


def test_a_linear_rule_is_found():
    weight, bias = ridge(batches())
    torch.testing.assert_close(weight.float(), WEIGHT, atol=0.01, rtol=0)
    torch.testing.assert_close(bias.float(), torch.tensor([7.0, -1.0]), atol=0.05, rtol=0)


@pytest.mark.parametrize("head", [lambda: nn.Linear(8, 2), lambda: QuantileLayer(8, 2, (0.1, 0.5, 0.9))])
def test_the_layer_begins_with_it_and_with_nothing_of_the_features(head):
    layer = head()
    begin_with_ridge(layer, 5, batches())
    batch = next(iter(batches()))
    mask = batch.target_mask()
    values = batch.views[LAGS][mask]
    found = layer(torch.cat([torch.randn(len(values), 5), values], dim=1))
    found = found.unflatten(1, (-1, 2))[:, found.shape[1] // 4]
    torch.testing.assert_close(found, batch.targets[mask], atol=0.1, rtol=0.01)


def test_values_that_are_all_one_are_no_fault():
    views = {LAGS: torch.ones(1, 5, 2)}
    weight, bias = ridge([Batch(torch.zeros(1, 5, 1), torch.tensor([5]), torch.full((1, 5, 1), 3.0), views=views)])
    assert weight.isfinite().all()
    torch.testing.assert_close(weight.sum() + bias.sum(), torch.tensor(3.0, dtype=torch.float64))


def test_a_layer_without_a_linear_map_is_refused():
    with pytest.raises(ConfigurationError, match="data.lags"):
        begin_with_ridge(nn.ReLU(), 1, [])


def test_a_model_hands_the_last_values_on_whole_in_windows_and_step_by_step():
    torch.manual_seed(0)
    model = Recurrent(LSTM, Vector(1), {}, 2, hidden_size=4, recent=Vector(3)).eval()
    batch = Batch(torch.randn(2, 9, 1), torch.tensor([9, 9]), torch.zeros(2, 9, 2), views={LAGS: torch.randn(2, 9, 3)})
    whole = model(batch).logits()
    state, found = None, []
    for window in batch.windows(4):
        output = model(window, state)
        state = output.state
        found.append(output.logits())
    torch.testing.assert_close(torch.cat(found, dim=1), whole)
    state = model.initial_state(2)
    for step in range(9):
        logits, state = model.step(batch.inputs[:, step], state, {LAGS: batch.views[LAGS][:, step]})
        torch.testing.assert_close(logits, whole[:, step])
    assert model.head.in_features == 4 + 3
