import math

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.multi_label import MultiLabel
from seqnet.specs import Tokens, Vector

L3 = math.log(3)  # sigmoid = 3/4
LOGITS = torch.tensor([[L3, -L3, 0.5], [L3, L3, -0.5]])
TARGETS = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
SIGMOID_HALF = 1 / (1 + math.exp(-0.5))
NLL = [
    -2 * math.log(3 / 4) - math.log(1 - SIGMOID_HALF),
    -math.log(1 / 4) - math.log(3 / 4) - math.log(SIGMOID_HALF),
]


def test_loss_sums_over_labels_and_items():
    objective = MultiLabel(Vector(3))
    assert objective.loss(LOGITS, TARGETS).item() == pytest.approx(sum(NLL), rel=1e-6)
    assert objective.derived(8.5) == {"nll": 8.5}


def test_metrics_by_hand():
    objective = MultiLabel(Vector(3))
    metrics = objective.metrics()
    objective.update(metrics, LOGITS[:1], TARGETS[:1])
    objective.update(metrics, LOGITS[1:], TARGETS[1:])
    found = {name: metric.compute().item() for name, metric in metrics.items()}
    # decisions 1 0 1 / 1 1 0 of 1 0 0 / 0 1 0: four of six right; F1 of the labels 2/3, 1, 0
    expected = {"nll": sum(NLL) / 2, "accuracy": 4 / 6, "macro_f1": (2 / 3 + 1 + 0) / 3}
    assert found == pytest.approx(expected, rel=1e-6)


def test_updates_of_different_sizes_weigh_by_items():
    objective = MultiLabel(Vector(3))
    metrics = objective.metrics()
    logits, targets = LOGITS[[0, 1, 1]], TARGETS[[0, 1, 1]]
    objective.update(metrics, logits[:1], targets[:1])
    objective.update(metrics, logits[1:], targets[1:])
    assert metrics["nll"].compute().item() == pytest.approx((NLL[0] + 2 * NLL[1]) / 3, rel=1e-6)


def test_one_label():
    objective = MultiLabel(Vector(1))
    metrics = objective.metrics()
    objective.update(metrics, torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([[1.0], [0.0], [0.0]]))
    assert metrics["accuracy"].compute().item() == pytest.approx(2 / 3)
    assert metrics["macro_f1"].compute().item() == pytest.approx(2 / 3)


def test_decision_is_the_set_and_its_probability():
    objective = MultiLabel(Vector(3, ("do", "re", "mi")))
    decisions, probabilities = objective.decide(LOGITS)
    assert [objective.explain(decision) for decision in decisions.tolist()] == [["do", "mi"], ["do", "re"]]
    assert probabilities.tolist() == pytest.approx([9 / 16 * SIGMOID_HALF] * 2)
    assert MultiLabel(Vector(3)).explain([False, True, True]) == [1, 2]


def test_draws_come_as_often_as_they_are_likely():
    objective, random = MultiLabel(Vector(3)), torch.Generator().manual_seed(2)
    there, share = objective.draw(LOGITS[:1].expand(20_000, -1), random)
    assert there.double().mean(0).tolist() == pytest.approx([3 / 4, 1 / 4, SIGMOID_HALF], abs=0.015)
    assert share[there.all(1)][0].item() == pytest.approx(3 / 16 * SIGMOID_HALF)
    assert torch.equal(objective.draw(LOGITS, random, 0.0)[0], objective.decide(LOGITS)[0])
    warm = objective.draw(LOGITS[:1].expand(20_000, -1), random, 2.0)[0].double().mean(0)
    assert warm[0].item() == pytest.approx(1 / (1 + 3**-0.5), abs=0.015)


def test_refuses_classes():
    with pytest.raises(ConfigurationError, match="objective=multi_label"):
        MultiLabel(Tokens(("a", "b")))
