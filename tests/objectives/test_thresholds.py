"""The threshold of labels that is chosen."""

import pytest
import torch
from torchmetrics.functional.classification import multilabel_accuracy, multilabel_f1_score

from seqnet.objectives.label_counts import LabelCounts
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.thresholds import GRID
from seqnet.specs import Vector

LABELS = Vector(3, ("x", "y", "z"))


@pytest.fixture
def judged():
    torch.manual_seed(0)
    logits = torch.randn(60, 3) - 1.5
    targets = (torch.rand(60, 3) < (logits + 1).sigmoid()).float()
    return logits, targets


def test_scores_at_every_threshold_are_those_of_torchmetrics(judged):
    logits, targets = judged
    counts = LabelCounts(3)
    for some, wanted in zip(logits.split(25), targets.split(25), strict=True):
        counts.update(some, wanted)
    accuracy, f1 = counts.compute()
    for place in range(0, len(GRID), 7):
        threshold = GRID[place]
        expected = multilabel_accuracy(logits.sigmoid(), targets.long(), 3, threshold, average="micro")
        assert accuracy[place].item() == pytest.approx(expected.item(), abs=1e-6)
        expected = multilabel_f1_score(logits.sigmoid(), targets.long(), 3, threshold)
        assert f1[place].item() == pytest.approx(expected.item(), abs=1e-6)
    assert f1[GRID.index(counts.best())] == f1.max() > f1[GRID.index(0.5)]


def test_it_is_used_by_scores_and_decisions_and_kept(judged):
    logits, targets = judged
    objective = MultiLabel(LABELS, threshold="chosen")
    metrics = objective.metrics()
    objective.update(metrics, logits, targets)
    assert metrics["threshold"].compute() == 0.5
    before = metrics["macro_f1"].compute()
    objective.choose(metrics)
    assert objective.threshold in GRID and metrics["threshold"].compute().item() == pytest.approx(objective.threshold)
    assert metrics["macro_f1"].compute() > before
    there, score = objective.decide(logits)
    share = logits.sigmoid()
    assert torch.equal(there, share > objective.threshold)
    torch.testing.assert_close(score, torch.where(there, share, 1 - share).double().prod(1))
    other = MultiLabel(LABELS, threshold="chosen")
    other.restore(objective.state())
    assert other.threshold == objective.threshold
    for hostile in (
        None,
        {},
        {"threshold": 2},
        {"threshold": "0.5"},
        [0.5],
        {"threshold": float("nan")},
        {"threshold": []},
    ):
        with pytest.raises(ValueError, match="stored threshold"):
            other.restore(hostile)


def test_a_typed_threshold_decides_and_nothing_is_chosen(judged):
    logits, targets = judged
    objective = MultiLabel(LABELS, threshold=0.2)
    metrics = objective.metrics()
    objective.update(metrics, logits, targets)
    objective.choose(metrics)
    assert objective.threshold == 0.2 and "threshold" not in metrics
    expected = multilabel_f1_score(logits.sigmoid(), targets.long(), 3, 0.2)
    assert metrics["macro_f1"].compute().item() == pytest.approx(expected.item())
