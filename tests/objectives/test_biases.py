"""The bias off the commonest class that is chosen."""

import pytest
import torch
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score

from seqnet.errors import ConfigurationError
from seqnet.objectives.biases import GRID, decisions
from seqnet.objectives.classification import Classification
from seqnet.objectives.spans import EntityF1
from seqnet.objectives.tags import Tags
from seqnet.specs import Tokens

TAGS = Tokens(("B-X", "O", "I-X", "B-Y"), commonest=1)
TWO = Tokens(("no", "yes"), commonest=0)


@pytest.fixture
def judged():
    """Logits that believe in the commonest class too much, [60 4], and targets."""
    torch.manual_seed(0)
    targets = torch.tensor([1, 1, 0, 2, 1, 3] * 10)
    logits = torch.randn(60, 4) + 2 * torch.nn.functional.one_hot(targets, 4)
    logits[:, 1] += 2
    return logits, targets


@pytest.fixture
def counted(judged):
    """Objective, metrics that have counted, for each class of objective."""

    def made(kind, logits=judged[0], targets=judged[1], space=TAGS, **options):
        objective = kind(space, bias="chosen", **options)
        metrics = objective.metrics() | objective.row_metrics()
        for some, wanted in zip(logits.split(25), targets.split(25), strict=True):
            objective.update(metrics, some, wanted)
            if kind is Tags:
                metrics["entity_f1"].update([objective.alternatives(some).tolist()], [wanted.tolist()])
        return objective, metrics

    return made


def test_at_every_bias_scores_are_those_of_torchmetrics(judged, counted):
    logits, targets = judged
    objective, metrics = counted(Classification)
    for bias in GRID[::5]:
        objective.bias = bias
        decided = (logits - bias * torch.nn.functional.one_hot(torch.tensor(1), 4)).argmax(-1)
        assert torch.equal(objective.decide(logits)[0], decided)
        for metric in metrics.values():
            metric._computed = None
        expected = multiclass_accuracy(decided, targets, 4, average="micro")
        assert metrics["accuracy"].compute().item() == pytest.approx(expected.item())
        expected = multiclass_f1_score(decided, targets, 4, average="macro")
        assert metrics["macro_f1"].compute().item() == pytest.approx(expected.item())


@pytest.mark.parametrize(("kind", "score"), [(Classification, "macro_f1"), (Tags, "entity_f1")])
def test_the_one_with_the_best_score_decides_from_then_on(judged, counted, kind, score):
    logits, targets = judged
    objective, metrics = counted(kind)
    assert objective.bias == 0 and metrics["bias"].compute() == 0
    before = metrics[score].compute()
    objective.choose(metrics)
    assert objective.bias > 0 and metrics["bias"].compute() == objective.bias
    assert metrics[score].compute() > before
    decided, shares = objective.decide(logits)
    assert torch.equal(decided, decisions(logits, 1, [objective.bias])[:, 0])
    torch.testing.assert_close(shares, logits.softmax(-1).gather(1, decided[:, None])[:, 0])
    if kind is Tags:
        plain = EntityF1(TAGS.names)
        plain.update([row.tolist() for row in decided.split(25)], [row.tolist() for row in targets.split(25)])
        assert plain.compute() == metrics["entity_f1"].compute()


def test_it_is_kept_and_what_is_no_such_bias_is_refused(counted):
    objective, metrics = counted(Tags)
    objective.choose(metrics)
    other = Tags(TAGS, bias="chosen")
    other.restore(objective.state())
    assert other.bias == objective.bias
    for hostile in (None, {}, {"bias": 0.1}, {"bias": "1"}, [1.0], {"bias": float("nan")}, {"bias": []}):
        with pytest.raises(ValueError, match="stored bias"):
            other.restore(hostile)


def test_it_changes_no_loss_and_no_probability(judged):
    logits, targets = judged
    plain, biased = Classification(TAGS), Classification(TAGS, bias=2.0)
    assert plain.loss(logits, targets) == biased.loss(logits, targets)
    assert torch.equal(plain.probabilities(logits), biased.probabilities(logits))
    assert (biased.decide(logits)[0] == 1).sum() < (plain.decide(logits)[0] == 1).sum()


def test_of_one_logit_it_is_off_the_commonest_too():
    logits = torch.tensor([[-2.0], [-0.5], [0.5]])
    assert Classification(TWO, one_logit=True, bias=1.0).decide(logits)[0].tolist() == [0, 1, 1]


def test_where_no_class_is_the_commonest_or_too_many_are_there_it_is_refused():
    with pytest.raises(ConfigurationError, match="off the commonest class"):
        Classification(Tokens(("a", "b")), bias=1.0)
    with pytest.raises(ConfigurationError, match="at most 50 classes"):
        Classification(Tokens(tuple(map(str, range(60))), commonest=0), bias="chosen")
