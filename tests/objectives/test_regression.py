import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.regression import Regression
from seqnet.spaces import Tokens, Vector

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
    assert {name: metric.compute().item() for name, metric in metrics.items()} == {"mse": 4.5 / 4, "mae": 3 / 4}


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
