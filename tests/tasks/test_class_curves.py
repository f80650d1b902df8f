import pytest
import torch
from torchmetrics.functional.classification import (
    multiclass_precision_recall_curve,
    multilabel_precision_recall_curve,
)

from seqnet.batch import IGNORE, Batch, Output, PrecisionRecall
from seqnet.objectives.classification import Classification
from seqnet.objectives.multi_label import MultiLabel
from seqnet.specs import Tokens, Vector
from seqnet.tasks.class_curves import BINS, ClassCurves, tells_curves

NAMES = ("a", "b", "c")


def curve(counted: PrecisionRecall) -> tuple[torch.Tensor, torch.Tensor]:
    """Precision and recall at each threshold."""
    right, wrong = (counts.flip(0).cumsum(0).flip(0).double() for counts in (counted.right, counted.wrong))
    return torch.where(right + wrong > 0, right / (right + wrong), 0), right / right[0]


@pytest.mark.parametrize("kind", ["classes", "two classes by one logit", "labels"])
def test_the_curves_are_those_of_torchmetrics(kind):
    torch.manual_seed(0)
    size = 2 if "two" in kind else 3
    logits = torch.randn(2, 40, 1 if "two" in kind else 3)
    if kind == "labels":
        objective = MultiLabel(Vector(3, NAMES))
        targets = torch.randint(2, (2, 40, 3)).float()
        probabilities = logits.sigmoid().flatten(0, 1)
        told = multilabel_precision_recall_curve(probabilities, targets.flatten(0, 1).long(), 3, BINS)
    else:
        objective = Classification(Tokens(NAMES[:size]), one_logit=size == 2)
        targets = torch.randint(size, (2, 40))
        targets[:, 30:] = IGNORE
        probabilities = objective.probabilities(logits)[:, :30].flatten(0, 1)
        told = multiclass_precision_recall_curve(probabilities, targets[:, :30].flatten(), size, BINS)
    assert tells_curves(objective)
    counting = ClassCurves(objective)
    for rows in (slice(0, 1), slice(1, 2)):
        batch = Batch(torch.zeros(1, 40), torch.tensor([40]), targets[rows])
        counting.window(Output(logits[rows], lambda features: features, None), batch)
    found = counting.curves()
    assert [one.name for one in found] == list(NAMES[:size])
    for place, one in enumerate(found):
        precision, recall = curve(one)
        assert precision.tolist() == pytest.approx(
            told[0][place][:-1].nan_to_num().tolist(), abs=0.05
        )  # an item on a border
        assert recall.tolist() == pytest.approx(told[1][place][:-1].tolist(), abs=0.05)


def test_a_class_that_does_not_occur_has_none_and_nothing_asked_gives_nothing():
    objective = Classification(Tokens(NAMES))
    counting = ClassCurves(objective)
    assert counting.curves() == []
    batch = Batch(torch.zeros(1, 2), torch.tensor([2]), torch.tensor([[1, IGNORE]]))
    counting.window(Output(torch.zeros(1, 2, 3), lambda features: features, None), batch)
    assert [one.name for one in counting.curves()] == ["b"]


def test_of_many_classes_none_are_told():
    assert not tells_curves(Classification(Tokens(tuple(map(str, range(51))))))
