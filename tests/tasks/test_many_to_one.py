import math

import pytest
import torch
from torch import nn

from seqnet.batch import IGNORE, UNKNOWN_LABEL, Batch, Output
from seqnet.errors import ConfigurationError
from seqnet.objectives.classification import Classification
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.regression import Regression
from seqnet.specs import Tokens, Vector
from seqnet.tasks.many_to_one import ManyToOne

NAMES = Tokens(("a", "b", "c"))


class Head(nn.Linear):
    """A linear head that remembers how many rows it was shown."""

    seen = 0

    def forward(self, x):
        self.seen = x.shape[0]
        return super().forward(x)


def head(out):
    torch.manual_seed(0)
    return Head(4, out)


def batch(targets, lengths=(3, 1, 2, 3)):
    return Batch(torch.zeros(4, 3), torch.tensor(lengths), targets, row_targets=True)


def features(seed=1):
    return torch.randn(4, 4, generator=torch.Generator().manual_seed(seed))


def test_loss_and_count_as_a_loop_over_asked_rows():
    task, layer, x = ManyToOne(Classification(NAMES)), head(3), features()
    for asked in ([0, 2, 1, 1], [IGNORE, 2, IGNORE, 0], [IGNORE] * 4):
        window = batch(torch.tensor(asked))
        expected = sum(-layer(x[i]).log_softmax(-1)[t].item() for i, t in enumerate(asked) if t != IGNORE)
        loss = task.loss(Output(x, layer, None), window)
        assert layer.seen == task.count(window) == sum(t != IGNORE for t in asked)
        assert loss.item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_vector_targets_are_asked_where_none_of_them_is_nan():
    nan = float("nan")
    window = batch(torch.tensor([[1.0, 0.0], [nan, nan], [0.0, nan], [1.0, 1.0]]))
    layer, x = head(2), features()
    y = layer(x)
    for objective in (Regression(Vector(2)), MultiLabel(Vector(2))):
        task = ManyToOne(objective)
        assert task.count(window) == 2
        expected = objective.loss(y[[0, 3]], window.targets[[0, 3]])
        torch.testing.assert_close(task.loss(Output(x, layer, None), window), expected)
        assert layer.seen == 2


def test_a_single_number_may_come_without_its_dimension():
    layer, x = head(1), features()
    flat = torch.tensor([1.0, float("nan"), 2.0, 3.0])
    task = ManyToOne(Regression(Vector(1)))
    losses = [task.loss(Output(x, layer, None), batch(targets)) for targets in (flat, flat[:, None])]
    assert task.count(batch(flat)) == task.count(batch(flat[:, None])) == 3
    torch.testing.assert_close(*losses)


def test_gradients_reach_asked_rows_only():
    task, x = ManyToOne(Classification(NAMES)), features().requires_grad_()
    task.loss(Output(x, head(3), None), batch(torch.tensor([IGNORE, 2, IGNORE, 0]))).backward()
    assert (x.grad.abs().sum(1) > 0).tolist() == [False, True, False, True]


def test_training_false_is_plain():
    window, x, layer = batch(torch.tensor([0, 2, 1, 1])), features(), head(3)
    smooth, plain = ManyToOne(Classification(NAMES, label_smoothing=0.2)), ManyToOne(Classification(NAMES))
    output = Output(x, layer, None)
    torch.testing.assert_close(
        torch.tensor(smooth.evaluator().update(output, window)), plain.loss(output, window).detach()
    )
    assert smooth.loss(output, window) != plain.loss(output, window)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_windows_sum_to_the_whole(size):
    inputs = torch.randn(4, 3, 4, generator=torch.Generator().manual_seed(2))
    whole = Batch(inputs, torch.tensor([3, 1, 2, 3]), torch.tensor([0, 2, IGNORE, 1]), row_targets=True)
    task, layer = ManyToOne(Classification(NAMES)), head(3)

    def run(window):  # each row's features: the inputs of its last step
        last = (window.lengths - 1).clamp(min=0)
        return Output(window.inputs[torch.arange(4), last], layer, None)

    judges = task.evaluator(), task.evaluator()
    judges[0].update(run(whole), whole)
    loss, count = 0.0, 0
    for window in whole.windows(size):
        loss, count = loss + task.loss(run(window), window), count + task.count(window)
        judges[1].update(run(window), window)
    assert count == task.count(whole) == 3
    torch.testing.assert_close(loss, task.loss(run(whole), whole))
    assert judges[1].compute() == judges[0].compute()
    assert judges[1].confusion().tolist() == judges[0].confusion().tolist()


def test_judge_by_hand():
    evaluator = ManyToOne(Classification(NAMES)).evaluator()
    decisions = torch.tensor([0, 0, 1, 2])
    output = Output(nn.functional.one_hot(decisions, 3).float(), nn.Identity(), None)
    evaluator.update(output, batch(torch.tensor([0, 1, 1, IGNORE])))
    evaluator.update(output, batch(torch.tensor([IGNORE, IGNORE, IGNORE, 1])))
    scores = evaluator.compute()
    assert list(scores) == ["accuracy", "macro_f1"]
    assert scores == pytest.approx({"accuracy": 2 / 4, "macro_f1": (2 / 3 + 2 / 4 + 0) / 3})
    assert evaluator.confusion().tolist() == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert evaluator.class_names == NAMES.names
    assert evaluator.compute() == scores  # asking does not change the answer


def test_a_judge_that_saw_nothing():
    evaluator = ManyToOne(Classification(NAMES)).evaluator()
    evaluator.update(Output(features(), head(3), None), batch(torch.full((4,), IGNORE)))
    assert list(evaluator.compute()) == ["accuracy", "macro_f1"] and all(map(math.isnan, evaluator.compute().values()))
    assert evaluator.confusion() is None
    evaluator = ManyToOne(Regression(Vector(1))).evaluator()
    assert (
        list(evaluator.compute()) == ["mse", "mae", "r2"]
        and evaluator.confusion() is None
        and evaluator.class_names == ()
    )


def test_predictions_of_every_row():
    x = torch.tensor([[0.0, 0.0, math.log(2)]] * 4)
    output, window = Output(x, nn.Identity(), None), batch(torch.full((4,), IGNORE))
    found = ManyToOne(Classification(NAMES)).predictions(output, window)
    assert found == [{"prediction": "c", "score": 0.5}] * 4
    found = ManyToOne(Regression(Vector(3))).predictions(Output(torch.ones(4, 3), nn.Identity(), None), window)
    assert found == [{"prediction": [1.0, 1.0, 1.0], "score": None}] * 4


def test_refuses_data_with_a_target_a_step():
    window = Batch(torch.zeros(2, 3), torch.tensor([3, 3]), torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ConfigurationError, match=r"task=many_to_one .* use task=many_to_many"):
        ManyToOne(Classification(NAMES)).count(window)


def test_a_class_that_training_never_saw_counts_as_an_error_and_has_no_loss():
    objective = Classification(Tokens(("a", "b"), commonest=0))
    task = ManyToOne(objective)
    features = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
    batch = Batch(
        torch.zeros(4, 1), torch.ones(4).long(), torch.tensor([0, 1, UNKNOWN_LABEL, UNKNOWN_LABEL]), row_targets=True
    )
    assert task.count(batch) == 2
    evaluator = task.evaluator()
    total = evaluator.update(Output(features, torch.nn.Identity(), None), batch)
    assert total == pytest.approx(2 * math.log(1 + math.exp(-2)))
    found = evaluator.compute()
    assert found["accuracy"] == 0.5 and found["baseline_accuracy"] == 0.25
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert evaluator.confusion().tolist() == [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
