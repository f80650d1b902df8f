"""Weights of classes and labels: torch's own, and from the counts of training."""

import pytest
import torch
import torch.nn.functional as F

from seqnet.batch import IGNORE, Batch
from seqnet.errors import ConfigurationError
from seqnet.objectives.classification import Classification
from seqnet.objectives.focal import Focal
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.tags import Tags
from seqnet.specs import Tokens, Vector
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.many_to_one import ManyToOne

CLASSES = Tokens(("a", "b", "c"), counts=(6, 3, 1))
WEIGHTS = [0.5, 1.0, 4.0]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_that_of_torch(smoothing):
    logits, targets = torch.randn(8, 3), torch.tensor([0, 0, 0, 1, 2, 2, 0, 1])
    objective = Classification(CLASSES, label_smoothing=smoothing, weights=WEIGHTS)
    found = objective.loss(logits, targets) / objective.weigh(targets)
    expected = F.cross_entropy(logits, targets, torch.tensor(WEIGHTS), label_smoothing=smoothing)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        objective.loss(logits, targets, training=False), F.cross_entropy(logits, targets, reduction="sum")
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_one_logit_is_the_difference_of_two(smoothing):
    two = Tokens(("a", "b"))
    logit, targets = torch.randn(6, 1), torch.tensor([0, 1, 1, 0, 1, 1])
    one = Classification(two, one_logit=True, label_smoothing=smoothing, weights=[2.0, 0.5])
    both = Classification(two, label_smoothing=smoothing, weights=[2.0, 0.5])
    torch.testing.assert_close(one.loss(logit, targets), both.loss(torch.cat([torch.zeros(6, 1), logit], 1), targets))


def test_balanced_classes_weigh_the_same_all_together():
    objective = Classification(CLASSES, weights="balanced")
    every = torch.tensor([0] * 6 + [1] * 3 + [2])
    for number in range(3):
        assert objective.weigh(every[every == number]) == pytest.approx(10 / 3)
    tags = Tags(Tokens(("O", "B-X"), counts=(3, 1)), weights="balanced")
    assert tags.weigh(torch.tensor([1])) == pytest.approx(2)


def test_balanced_labels_weigh_the_same_whether_they_are_there_or_not():
    objective = MultiLabel(Vector(2, ("x", "y"), shares=(0.25, 0.5)), weights="balanced")
    targets = torch.tensor([[1.0, 1], [0, 0], [0, 1], [0, 0]])
    logits = torch.zeros(4, 2, requires_grad=True)
    objective.loss(logits, targets).backward()
    torch.testing.assert_close(logits.grad.sum(0), torch.zeros(2))  # half is the right answer to both
    expected = F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
    torch.testing.assert_close(objective.loss(logits, targets, training=False), expected)


def test_focal_loss_is_equation_five_and_cross_entropy_where_gamma_is_zero():
    logits, targets = torch.randn(8, 3, requires_grad=True), torch.tensor([0, 0, 0, 1, 2, 2, 0, 1])
    share = logits.softmax(1)[torch.arange(8), targets]
    expected = (-torch.tensor(WEIGHTS)[targets] * (1 - share) ** 2 * share.log()).sum()
    torch.testing.assert_close(Focal(CLASSES, weights=WEIGHTS).loss(logits, targets), expected)
    plain = Classification(CLASSES, weights=WEIGHTS).loss(logits, targets)
    torch.testing.assert_close(Focal(CLASSES, gamma=0.0, weights=WEIGHTS).loss(logits, targets), plain)
    torch.testing.assert_close(
        Focal(CLASSES).loss(logits, targets, False), F.cross_entropy(logits, targets, reduction="sum")
    )
    certain = torch.tensor([[1e4, 0.0, 0.0]], requires_grad=True)
    for gamma in (0.5, 1.0, 2.0):
        (gradient,) = torch.autograd.grad(Focal(CLASSES, gamma=gamma).loss(certain, torch.tensor([0])), certain)
        assert gradient.isfinite().all()


def test_tasks_divide_by_what_is_asked_as_it_is_weighed():
    objective = Classification(CLASSES, weights=WEIGHTS)
    rows = Batch(torch.zeros(3, 2), torch.tensor([2, 2, 2]), torch.tensor([0, IGNORE, 2]), row_targets=True)
    assert ManyToOne(objective).training_count(rows) == 4.5 and ManyToOne(objective).count(rows) == 2
    steps = Batch(torch.zeros(2, 2), torch.tensor([2, 1]), torch.tensor([[0, 1], [2, IGNORE]]))
    assert ManyToMany(objective).training_count(steps) == 5.5
    assert ManyToMany(Classification(CLASSES)).training_count(steps) == 3


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Classification(CLASSES, weights=[1.0, 2.0]), r"has 2 numbers, and there are 3 classes \(a, b, c\)"),
        (lambda: Classification(Tokens(("a", "b")), weights="balanced"), "does not tell"),
        (lambda: MultiLabel(Vector(2), weights="balanced"), "does not tell"),
        (lambda: MultiLabel(Vector(2), weights=[1.0]), r"has 1 numbers, and there are 2 classes \(0, 1\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(make, told):
    with pytest.raises(ConfigurationError, match=told):
        make()
