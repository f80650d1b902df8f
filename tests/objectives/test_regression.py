import math

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.regression import Regression
from seqnet.specs import Scale, Tokens, Vector

Y = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
T = torch.tensor([[1.0, 4.0], [0.5, -1.5]])  # distances 0 2, 0.5 0.5


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("mse", (0 + 4) / 2 + (0.25 + 0.25) / 2),
        ("mae", (0 + 2) / 2 + (0.5 + 0.5) / 2),
        ("huber", (0 + 1.5) / 2 + (0.125 + 0.125) / 2),  # 2 - 1/2; 0.5^2 / 2
    ],
)
def test_loss_by_hand(loss, expected):
    objective = Regression(Vector(2), loss=loss)
    assert objective.loss(Y, T).item() == pytest.approx(expected)
    assert objective.derived(0.75) == {"mse": {"mse": 0.75}, "mae": {"mae": 0.75}, "huber": {}}[loss]


def test_metrics_average_over_everything():
    objective = Regression(Vector(2))
    metrics = objective.metrics()
    objective.update(metrics, Y[:1], T[:1])
    objective.update(metrics, Y[1:], T[1:])
    found = {name: metric.compute().item() for name, metric in metrics.items()}
    assert (found["mse"], found["mae"]) == (4.5 / 4, 3 / 4)


def test_targets_that_are_a_slice_in_time():
    objective = Regression(Vector(2))
    wide = torch.stack([T, T], dim=1)[:, 0]
    metrics = objective.metrics()
    objective.update(metrics, Y, wide)
    assert metrics["mse"].compute().item() == 4.5 / 4


def test_a_single_number_never_broadcasts():
    y, t = torch.tensor([[1.0], [3.0]]), torch.tensor([2.0, 5.0])
    assert Regression(Vector(1)).loss(y, t).item() == 1 + 4


def test_explains_by_name_where_there_are_names():
    decisions, scores = Regression(Vector(2)).decide(Y)
    assert scores is None
    assert Regression(Vector(2)).explain(decisions[0].tolist()) == [1.0, 2.0]
    assert Regression(Vector(2, ("x", "y"))).explain([1.0, 2.0]) == {"x": 1.0, "y": 2.0}
    assert Regression(Vector(1)).explain([1.5]) == 1.5


def test_refuses():
    with pytest.raises(ConfigurationError, match="objective=regression"):
        Regression(Tokens(("a", "b")))
    with pytest.raises(ConfigurationError, match=r"objective\.loss .* did you mean 'huber'"):
        Regression(Vector(1), loss="hubr")


def test_scores_and_answers_are_in_the_units_of_the_file():
    scale = Scale((68_000.0, 2.0), (10_000.0, 0.5))
    objective = Regression(Vector(2, ("price", "stars"), scale=scale))
    metrics = objective.metrics()
    logits, targets = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[0.5, 1.0], [1.0, -1.0]])
    objective.update(metrics, logits, targets)
    found = {name: metric.compute().item() for name, metric in metrics.items()}
    assert found["mae"] == (5_000 + 0 + 0 + 0.5) / 4
    assert found["mae_price"] == 2_500 and found["mae_stars"] == 0.25
    assert found["mse"] == (5_000**2 + 0.25) / 4
    assert found["baseline_mae"] == (5_000 + 0.5 + 10_000 + 0.5) / 4  # of always answering 68,000 and 2
    assert found["r2"] == pytest.approx(1 - 1.25 / (0.25 + 1 + 1 + 1 - 1.5**2 / 4))
    assert objective.loss(logits, targets).item() == pytest.approx(1.25 / 2)  # of scaled numbers
    assert objective.explain([1.0, -1.0]) == {"price": 78_000.0, "stars": 1.5}
    assert objective.derived(3.0) == {}


def test_numbers_far_from_1_keep_their_digits():
    objective = Regression(Vector(1, scale=Scale((1e9,), (1.0,))))
    metrics = objective.metrics()
    objective.update(metrics, torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.5], [1.5], [2.5]]))
    assert metrics["mae"].compute().item() == pytest.approx(0.5)
    assert metrics["r2"].compute().item() == pytest.approx(1 - 0.75 / 2)
    logarithms = Regression(Vector(1, scale=Scale((0.0,), (1.0,), log=True)))
    assert logarithms.explain([math.log(1e6)]) == pytest.approx(1e6, rel=1e-5)


def test_of_one_target_or_equal_ones_there_is_no_r2():
    for targets in ([1.0], [2.0, 2.0]):
        objective = Regression(Vector(1))
        metrics = objective.metrics()
        objective.update(metrics, torch.zeros(len(targets), 1), torch.tensor(targets)[:, None])
        assert math.isnan(metrics["r2"].compute().item())
