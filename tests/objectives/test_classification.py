import math

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.classification import Classification
from seqnet.specs import Tokens, Vector

THREE = Tokens(("a", "b", "c"))
TWO = Tokens(("no", "yes"))
# softmax of these are (1/4, 1/4, 1/2) and (1/7, 2/7, 4/7)
LOGITS = torch.tensor([[0.0, 0.0, math.log(2)], [0.0, math.log(2), math.log(4)]])


def scores(objective, logits, targets):
    metrics = objective.metrics()
    objective.update(metrics, logits, targets)
    return {name: metric.compute() for name, metric in metrics.items()}


def test_loss_is_the_summed_negative_log_likelihood():
    loss = Classification(THREE).loss(LOGITS, torch.tensor([2, 0]))
    assert loss.item() == pytest.approx(math.log(2) + math.log(7), rel=1e-6)


def test_smoothing_mixes_with_the_uniform_distribution_in_training_only():
    objective = Classification(THREE, label_smoothing=0.3)
    targets = torch.tensor([2])
    # 0.7 of -log(1/2), and 0.1 of each of -log(1/4), -log(1/4), -log(1/2)
    expected = 0.7 * math.log(2) + 0.1 * (math.log(4) + math.log(4) + math.log(2))
    assert objective.loss(LOGITS[:1], targets).item() == pytest.approx(expected, rel=1e-6)
    assert objective.loss(LOGITS[:1], targets, training=False).item() == pytest.approx(math.log(2), rel=1e-6)


def test_one_logit_is_two_logits_of_which_the_first_is_zero():
    x = torch.tensor([-1.5, 0.25, 3.0])
    two = torch.stack([torch.zeros(3), x], dim=1)
    targets = torch.tensor([0, 0, 1])
    for smoothing in (0.0, 0.2):
        one, both = (
            Classification(TWO, one_logit=True, label_smoothing=smoothing),
            Classification(TWO, False, smoothing),
        )
        assert (one.out_features, both.out_features) == (1, 2)
        torch.testing.assert_close(one.loss(x[:, None], targets), both.loss(two, targets))
        torch.testing.assert_close(one.decide(x[:, None]), both.decide(two))
    assert {name: value.tolist() for name, value in scores(one, x[:, None], targets).items()} == {
        name: value.tolist() for name, value in scores(both, two, targets).items()
    }


def test_one_logit_loss_by_hand():
    # sigmoid(log 3) = 3/4
    loss = Classification(TWO, one_logit=True).loss(torch.full((2, 1), math.log(3)), torch.tensor([1, 0]))
    assert loss.item() == pytest.approx(-math.log(3 / 4) - math.log(1 / 4), rel=1e-6)


def test_metrics_by_hand():
    # decisions 0 0 0 0 1 2 2, targets 0 0 0 1 1 1 2
    logits = torch.nn.functional.one_hot(torch.tensor([0, 0, 0, 0, 1, 2, 2]), 3).float()
    found = scores(Classification(THREE), logits, torch.tensor([0, 0, 0, 1, 1, 1, 2]))
    assert found["accuracy"].item() == pytest.approx(5 / 7)  # micro; macro would be (1 + 1/3 + 1) / 3
    assert found["macro_f1"].item() == pytest.approx((6 / 7 + 2 / 4 + 2 / 3) / 3)
    assert found["confusion"].tolist() == [[3, 0, 0, 0], [1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_no_confusion_matrix_of_more_than_50_classes():
    assert "confusion" in Classification(Tokens(tuple(map(str, range(50))))).metrics()
    assert "confusion" not in Classification(Tokens(tuple(map(str, range(51))))).metrics()


def test_decision_probability_and_name():
    objective = Classification(THREE)
    decisions, probabilities = objective.decide(LOGITS)
    assert [objective.explain(decision) for decision in decisions.tolist()] == ["c", "c"]
    assert probabilities.tolist() == pytest.approx([1 / 2, 4 / 7])
    one = Classification(TWO, one_logit=True)
    decisions, probabilities = one.decide(torch.tensor([[-math.log(3)], [math.log(4)]]))
    assert [one.explain(decision) for decision in decisions.tolist()] == ["no", "yes"]
    assert probabilities.tolist() == pytest.approx([3 / 4, 4 / 5])


def test_half_precision_logits_are_summed_in_single():
    logits = torch.zeros(4096, 2, dtype=torch.bfloat16)
    loss = Classification(TWO).loss(logits, torch.zeros(4096, dtype=torch.long))
    assert loss.item() == pytest.approx(4096 * math.log(2), rel=1e-5)
    loss = Classification(TWO, one_logit=True).loss(logits[:, :1], torch.zeros(4096, dtype=torch.long))
    assert loss.item() == pytest.approx(4096 * math.log(2), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"targets": Vector(3)}, "objective=classification .* objective=regression"),
        ({"targets": Tokens(("only",))}, "objective=classification needs .* at least two"),
        ({"targets": THREE, "one_logit": True}, r"objective\.one_logit=true needs exactly two classes"),
        ({"targets": THREE, "label_smoothing": 1.0}, r"objective\.label_smoothing is 1\.0"),
        ({"targets": THREE, "label_smoothing": -0.1}, r"objective\.label_smoothing is -0\.1"),
    ],
)
def test_refuses(options, named):
    with pytest.raises(ConfigurationError, match=named):
        Classification(**options)
