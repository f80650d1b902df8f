import math

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.quantile import Quantile, QuantileLayer
from seqnet.specs import Scale, Tokens, Vector

LEVELS = (0.1, 0.5, 0.9)


def test_the_pinball_loss_by_hand():
    """Errors of the three quantiles are 3, 1 and -1: 0.1 * 3, 0.5 * 1 and 0.1 * 1, averaged."""
    found = Quantile(Vector(1)).loss(torch.tensor([[1.0, 3.0, 5.0]]), torch.tensor([[4.0]]))
    assert found.item() == pytest.approx((0.3 + 0.5 + 0.1) / 3)


def test_the_best_constants_are_the_quantiles_of_what_comes():
    torch.manual_seed(0)
    wanted = torch.randn(4000, 1)
    guess = torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.Adam([guess], lr=0.05)
    objective = Quantile(Vector(1))
    for _ in range(200):
        optimizer.zero_grad()
        objective.loss(guess.expand(4000, 3), wanted).backward()
        optimizer.step()
    torch.testing.assert_close(guess.detach()[0], wanted[:, 0].quantile(torch.tensor(LEVELS)), atol=0.05, rtol=0)


def test_quantiles_never_cross_whatever_the_weights_are():
    torch.manual_seed(0)
    layer = QuantileLayer(4, 2, (0.05, 0.2, 0.5, 0.8, 0.95))
    torch.nn.init.normal_(layer.linear.weight, std=10)
    found = layer(torch.randn(50, 4)).unflatten(-1, (5, 2))
    assert (found.diff(dim=1) >= 0).all()
    torch.testing.assert_close(found[:, 2], layer.linear(torch.zeros(1, 4))[:, layer.point] * 0 + found[:, 2])
    assert layer.point == slice(4, 6)


def test_one_number_makes_the_band_hold_its_share_of_what_it_was_not_trained_on():
    torch.manual_seed(0)
    layer = QuantileLayer(1, 1, LEVELS, conformal=True)
    features, wanted = torch.zeros(999, 1), torch.randn(999, 1) * 30
    layer.eval()
    narrow = layer(features)
    assert ((narrow[:, :1] <= wanted) & (wanted <= narrow[:, 2:])).float().mean() < 0.3
    for _ in range(2):  # what was learned before changes nothing
        layer.conform(layer.misses(features, wanted))
        found = layer(features)
        assert ((found[:, :1] <= wanted) & (wanted <= found[:, 2:])).float().mean() == pytest.approx(0.8, abs=0.002)
        assert torch.equal(found[:, 1], narrow[:, 1])
    layer.train()  # training sees nothing of it
    assert torch.equal(layer(features), narrow)
    assert QuantileLayer(1, 1, LEVELS).misses(features, wanted) is None


def test_scores_are_those_of_the_median_and_of_the_band_in_the_file_s_units():
    objective = Quantile(Vector(1, scale=Scale((100.0,), (10.0,))))
    metrics = objective.metrics()
    logits = torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])
    objective.update(metrics, logits, torch.tensor([[0.5], [2.0]]))  # 105 and 120, forecast 90, 100, 110
    found = {name: metric.compute().item() for name, metric in metrics.items()}
    assert (found["mae"], found["mse"], found["coverage"]) == (12.5, (25 + 400) / 2, 0.5)
    losses = [0.1 * 15 + 0.1 * 30, 0.5 * 5 + 0.5 * 20, 0.1 * 5 + 0.9 * 10]
    assert found["wql"] == pytest.approx(2 * sum(losses) / 3 / 225)


def test_answers_by_quantile_and_a_target_as_it_is():
    objective = Quantile(Vector(2, ("a", "b")))
    assert objective.explain([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == {
        "0.1": {"a": 1.0, "b": 2.0},
        "0.5": {"a": 3.0, "b": 4.0},
        "0.9": {"a": 5.0, "b": 6.0},
    }
    assert objective.explain([1.0, 2.0]) == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("levels", [[0.1, 0.9], [0.5, 0.1], [0.5, 1.0], [0.0, 0.5]])
def test_refuses_what_is_no_list_of_quantiles_with_the_median(levels):
    with pytest.raises(ConfigurationError, match="quantiles"):
        Quantile(Vector(1), levels)


def test_refuses():
    with pytest.raises(ConfigurationError, match="objective=quantile"):
        Quantile(Tokens(("a", "b")))
    with pytest.raises(ConfigurationError, match="conformal"):
        Quantile(Vector(1), [0.5], conformal=True)
    assert math.isfinite(Quantile(Vector(1), [0.5]).loss(torch.zeros(1, 1), torch.ones(1, 1)))
