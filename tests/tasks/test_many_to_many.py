import json
import math

import pytest
import torch
from torch import nn

from seqnet.batch import IGNORE, Batch, Output
from seqnet.errors import ConfigurationError
from seqnet.objectives.classification import Classification
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.regression import Regression
from seqnet.objectives.tags import Tags
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Vector
from seqnet.tasks.many_to_many import ManyToMany

ROWS, STEPS, HIDDEN = 3, 7, 4
LENGTHS = torch.tensor([7, 2, 5])
VOCAB = Tokens(("a", "b", "c", "d", "e"))
TAGS = Tokens(("O", "B-PER", "I-PER", "B-LOC", "I-LOC"))


class Head(nn.Linear):
    """A linear head that remembers how many items it was shown."""

    seen = 0

    def forward(self, x):
        self.seen = x.shape[:-1].numel()
        return super().forward(x)


def head(out):
    torch.manual_seed(0)
    return Head(HIDDEN, out)


def generator():
    return torch.Generator().manual_seed(3)


def tokens(full=False, gaps=False):
    """A batch of token targets, NaN inputs at padding; with gaps some steps inside a row are not asked."""
    lengths = torch.full((ROWS,), STEPS) if full else LENGTHS
    inside = torch.arange(STEPS) < lengths[:, None]
    inputs = torch.randn(ROWS, STEPS, HIDDEN, generator=generator())
    inputs[~inside] = float("nan")
    targets = torch.randint(5, (ROWS, STEPS), generator=generator()).where(inside, IGNORE)
    if gaps:
        targets[:, 1] = IGNORE
    return Batch(inputs, lengths, targets)


def vectors(kind, full=False):
    base = tokens(full)
    targets = (torch.randn(ROWS, STEPS, 2, generator=generator()) > 0).float()
    targets = targets.masked_fill((base.targets == IGNORE)[..., None], float("nan"))
    return Batch(base.inputs, base.lengths, targets), kind(Vector(2))


def run(window, layer):
    """A fixed function of each step stands in for a model; padding is NaN and would spoil whatever it reaches."""
    return Output(window.inputs.tanh(), layer, None)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("gaps", [True, False])
@pytest.mark.parametrize("objective", [NextToken(VOCAB), Tags(TAGS), Classification(VOCAB, label_smoothing=0.1)])
def test_loss_and_count_as_a_loop_over_asked_steps(full, gaps, objective):
    batch, layer, task = tokens(full, gaps), head(5), ManyToMany(objective)
    features = batch.inputs.tanh()
    count, expected = 0, 0.0
    for row in range(ROWS):
        for step in range(STEPS):
            if batch.targets[row, step] != IGNORE:
                count += 1
                logits = layer(features[row, step][None])
                expected += objective.loss(logits, batch.targets[row, step][None]).item()
    loss = task.loss(run(batch, layer), batch)
    assert task.count(batch) == layer.seen == count
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert type(task.count(batch)) is int


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("kind", [Regression, MultiLabel])
def test_vector_targets(full, kind):
    batch, objective = vectors(kind, full)
    layer, task = head(2), ManyToMany(objective)
    features = batch.inputs.tanh()
    places = [(row, step) for row in range(ROWS) for step in range(int(batch.lengths[row]))]
    expected = sum(objective.loss(layer(features[p])[None], batch.targets[p][None]).item() for p in places)
    loss = task.loss(run(batch, layer), batch)
    assert task.count(batch) == layer.seen == len(places)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_features_stored_time_first_give_the_same():
    batch, layer, task = tokens(full=True), head(5), ManyToMany(NextToken(VOCAB))
    turned = batch.inputs.transpose(0, 1).contiguous().transpose(0, 1)
    assert not turned.is_contiguous()
    expected = task.loss(Output(batch.inputs, layer, None), batch)
    torch.testing.assert_close(task.loss(Output(turned, layer, None), batch), expected)


def test_gradient_is_the_same_on_both_paths():
    batch, layer, task = tokens(full=True), head(5), ManyToMany(NextToken(VOCAB))
    partly = Batch(batch.inputs, batch.lengths, batch.targets.clone())
    partly.targets[2, 6] = IGNORE
    gradients = []
    for window in (batch, partly):
        x = window.inputs.tanh().requires_grad_()
        task.loss(Output(x, layer, None), window).backward()
        gradients.append(x.grad)
    assert gradients[1][2, 6].abs().sum() == 0
    gradients[0][2, 6] = 0
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 3), (4, 2), (5, 1), (7, 7)])
@pytest.mark.parametrize("full", [True, False])
def test_windows_sum_to_the_whole(size, stride, full):
    vector_batch, regression = vectors(Regression, full)
    for batch, objective, out in (
        (tokens(full), NextToken(VOCAB), 5),
        (tokens(full), Tags(TAGS), 5),
        (vector_batch, regression, 2),
    ):
        task, layer = ManyToMany(objective), head(out)
        whole, pieces = task.evaluator(), task.evaluator()
        whole.update(run(batch, layer), batch)
        loss, count = 0.0, 0
        for window in batch.windows(size, stride):
            count += task.count(window)
            loss = loss + task.loss(run(window, layer), window)
            pieces.update(run(window, layer), window)
        assert count == task.count(batch)
        torch.testing.assert_close(loss, task.loss(run(batch, layer), batch))
        assert pieces.compute() == pytest.approx(whole.compute())


def tagged(rows, starts=None):
    """A batch whose targets are the given tags ('-' = not asked), padded."""
    ids = [[IGNORE if tag == "-" else TAGS.names.index(tag) for tag in row.split()] for row in rows]
    time = max(map(len, ids))
    targets = torch.tensor([row + [IGNORE] * (time - len(row)) for row in ids])
    lengths = torch.tensor([len(row) for row in ids])
    return Batch(torch.zeros(targets.shape), lengths, targets, starts=starts)


def deciding(rows):
    """An output that decides on the given tags; padding would decide on B-PER."""
    ids = [[TAGS.names.index(tag) for tag in row.split()] for row in rows]
    time = max(map(len, ids))
    logits = nn.functional.one_hot(torch.tensor([row + [1] * (time - len(row)) for row in ids]), 5).float()
    return Output(logits, nn.Identity(), None)


def test_entities_of_whole_rows_by_hand():
    evaluator = ManyToMany(Tags(TAGS)).evaluator()
    evaluator.update(deciding(["B-PER I-PER O B-LOC", "O"]), tagged(["B-PER I-PER O B-PER", "B-LOC"]))
    evaluator.update(deciding(["I-LOC O"]), tagged(["B-LOC O"]))
    scores = evaluator.compute()
    assert list(scores) == ["accuracy", "macro_f1", "entity_f1"]
    # right: PER 0-2 and LOC 0-1; predicted 3; true 4
    assert scores["entity_f1"] == pytest.approx(4 / 7)
    assert scores["accuracy"] == pytest.approx(4 / 7)  # of 4 + 1 + 2 tags
    assert evaluator.compute() == scores


def test_an_entity_over_a_window_border_is_one():
    evaluator = ManyToMany(Tags(TAGS)).evaluator()
    first, later = torch.tensor([True, True]), torch.tensor([False, True])
    evaluator.update(deciding(["O B-PER", "B-LOC O"]), tagged(["O B-PER", "B-LOC O"], first))
    # row 0 goes on, row 1 is a new one: I-PER there is an entity of its own
    evaluator.update(deciding(["I-PER O", "I-PER O"]), tagged(["I-PER O", "I-PER I-PER"], later))
    # true: PER (row 0), LOC, PER 0-2; predicted: PER (row 0), LOC, PER 0-1
    assert evaluator.compute()["entity_f1"] == pytest.approx(4 / 6)


def test_steps_not_asked_are_left_out_of_a_row():
    evaluator = ManyToMany(Tags(TAGS)).evaluator()
    evaluator.update(deciding(["B-PER B-LOC I-PER"]), tagged(["B-PER - I-PER"]))
    assert evaluator.compute()["entity_f1"] == 1.0


def test_evaluation_under_inference_mode():
    evaluator = ManyToMany(Tags(TAGS)).evaluator()
    with torch.inference_mode():
        for _ in range(2):
            evaluator.update(deciding(["B-PER O"]), tagged(["B-PER O"]))
    assert evaluator.compute()["entity_f1"] == evaluator.compute()["accuracy"] == 1.0


def test_a_judge_that_saw_nothing():
    scores = ManyToMany(Tags(TAGS)).evaluator().compute()
    assert list(scores) == ["accuracy", "macro_f1", "entity_f1"] and all(map(math.isnan, scores.values()))
    scores = ManyToMany(NextToken(VOCAB)).evaluator().compute()
    assert list(scores) == ["perplexity", "bits", "accuracy"] and all(map(math.isnan, scores.values()))


def test_judge_agrees_with_the_loss():
    batch, layer, task = tokens(), head(5), ManyToMany(NextToken(VOCAB, label_smoothing=0.1))
    evaluator = task.evaluator()
    mean = evaluator.update(run(batch, layer), batch) / task.count(batch)
    assert mean * task.count(batch) != pytest.approx(task.loss(run(batch, layer), batch).item(), rel=1e-4)
    assert evaluator.compute()["perplexity"] == pytest.approx(math.exp(mean), rel=1e-5)
    assert evaluator.confusion() is None
    batch, objective = vectors(MultiLabel)
    task, layer = ManyToMany(objective), head(2)
    evaluator = task.evaluator()
    evaluator.update(run(batch, layer), batch)
    mean = task.loss(run(batch, layer), batch).item() / task.count(batch)
    assert evaluator.compute()["nll"] == pytest.approx(mean, rel=1e-5)


def test_predictions_over_each_rows_own_length():
    batch, layer = tokens(), head(5)
    found = ManyToMany(NextToken(VOCAB)).predictions(run(batch, layer), batch)
    assert layer.seen == int(LENGTHS.sum())
    assert [len(row["prediction"]) for row in found] == [len(row["score"]) for row in found] == LENGTHS.tolist()
    for row, length in enumerate(LENGTHS.tolist()):
        probabilities = layer(batch.inputs[row, :length].tanh()).softmax(-1)
        assert found[row]["prediction"] == [VOCAB.names[i] for i in probabilities.argmax(-1)]
        assert found[row]["score"] == pytest.approx(probabilities.amax(-1).tolist())
    assert json.loads(json.dumps(found)) == found


def test_refuses_data_with_one_target_a_row():
    window = Batch(torch.zeros(2, 3), torch.tensor([3, 3]), torch.zeros(2, dtype=torch.long), row_targets=True)
    with pytest.raises(ConfigurationError, match=r"task=many_to_many .* use task=many_to_one"):
        ManyToMany(NextToken(VOCAB)).count(window)
