"""An answer written step by step: what is taught, and how what is written freely is judged."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from seqnet.batch import IGNORE, Batch, Output
from seqnet.data.examples import Ragged
from seqnet.data.teacher_forcing import strip_special, teacher_forcing, with_ends, writing
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.errors import ConfigurationError
from seqnet.objectives.classification import Classification
from seqnet.objectives.regression import Regression
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Vector, Writing
from seqnet.tasks.one_to_many import OneToMany
from seqnet.tasks.seq2seq import SequenceToSequence

LETTERS = with_ends("abcd")
END = LETTERS.size - 1
WRITING = writing(LETTERS, longest=4)
ROWS = ["ab", "", "cda"]
ALL = ["token_accuracy", "exact_match", "cer", "wer", "bleu", "chrf"]


def text(ids):
    return "".join(LETTERS.names[number] for number in strip_special(ids, WRITING))


SOURCE = SimpleNamespace(targets=LETTERS, writing=WRITING, text=text)
NUMBERS = SimpleNamespace(targets=Vector(2), writing=Writing(None, None, (), 3))


def ids(word):
    return [LETTERS.names.index(letter) for letter in word]


def hypothesis(word, ended=True):
    return [Hypothesis(ids(word), -1.0, -1.0, ended), Hypothesis([0], -2.0, -2.0, True)]


@pytest.fixture
def batch():
    targets = Ragged.of([torch.tensor(ids(word), dtype=torch.int64) for word in ROWS])
    return teacher_forcing(None, targets, WRITING).batch(torch.arange(3))


def output(batch, out=LETTERS.size, **hard):
    torch.manual_seed(1)
    head = nn.Linear(5, out)
    return Output(torch.randn(batch.size, batch.time, 5, requires_grad=True), head, None, **hard)


# -------------------------------------------------------------------------------------------------- what is taught


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_the_cross_entropy_of_each_token_and_the_end(batch, smoothing):
    task, found = SequenceToSequence(NextToken(LETTERS, smoothing), SOURCE), output(batch)
    assert task.count(batch) == sum(map(len, ROWS)) + len(ROWS)
    expected = 0.0
    for row, word in enumerate(ROWS):
        logs = found.logits()[row].log_softmax(-1)
        for step, wanted in enumerate([*ids(word), END]):
            expected -= (1 - smoothing) * logs[step, wanted] + smoothing * logs[step].mean()
    torch.testing.assert_close(task.loss(found, batch), expected)


def test_a_step_s_losses_are_what_the_loss_sums():
    logits, targets = torch.randn(7, LETTERS.size), torch.randint(0, LETTERS.size, (7,))
    for training in (True, False):
        objective = NextToken(LETTERS, 0.1)
        each = objective.losses(logits, targets, training)
        assert each.shape == (7,)
        torch.testing.assert_close(each.sum(), objective.loss(logits, targets, training))
    for loss in ("mse", "mae", "huber"):
        objective, wanted = Regression(Vector(6), loss), torch.randn(7, 6)
        each = objective.losses(logits[:, :6], wanted)
        torch.testing.assert_close(each.sum(), objective.loss(logits[:, :6], wanted))
        torch.testing.assert_close(each[2], objective.loss(logits[2:3, :6], wanted[2:3]))


@pytest.mark.parametrize("reaches", [False, True])
@pytest.mark.parametrize("with_bonus", [False, True])
def test_hard_attention_is_taught_by_reinforce(batch, reaches, with_bonus):
    """The value is the plain loss; the gradients are those of the formula, written out step by step."""
    torch.manual_seed(2)
    shape = (batch.size, batch.time)
    log_probability, baseline, bonus = (torch.randn(shape, requires_grad=True) for _ in range(3))
    task, plain = SequenceToSequence(NextToken(LETTERS), SOURCE), output(batch)
    found = output(
        batch,
        log_probability=log_probability,
        baseline=baseline,
        bonus=bonus if with_bonus else None,
        reaches=reaches,
    )
    loss = task.loss(found, batch)
    torch.testing.assert_close(loss, task.loss(plain, batch))
    loss.backward()
    task.loss(plain, batch).backward()
    torch.testing.assert_close(found.features.grad, plain.features.grad)
    logs = found.logits().log_softmax(-1).detach()
    for row, word in enumerate(ROWS):
        wanted = [*ids(word), END]
        losses = [-logs[row, step, token].item() for step, token in enumerate(wanted)]
        for step in range(batch.time):
            if step >= len(wanted):
                expected = (0.0, 0.0, 0.0)
            else:
                cost = sum(losses[step:]) if reaches else losses[step]
                error = baseline[row, step].item() - cost
                expected = (-error, error, -1.0)
            assert log_probability.grad[row, step].item() == pytest.approx(expected[0], abs=1e-5)
            assert baseline.grad[row, step].item() == pytest.approx(expected[1], abs=1e-5)
            if with_bonus:
                assert bonus.grad[row, step].item() == expected[2]


def test_a_step_without_loss_is_taught_all_the_same():
    """What is asked is told by the targets: a loss of exactly 0 is a loss."""
    whole = Batch(torch.zeros(1, 1, dtype=torch.int64), torch.tensor([1]), torch.tensor([[2]]))
    sure = Output(
        torch.tensor([[[0.0, 0.0, 1e4, 0.0, 0.0, 0.0]]]),
        nn.Identity(),
        None,
        log_probability=torch.zeros(1, 1, requires_grad=True),
        baseline=torch.ones(1, 1, requires_grad=True),
    )
    SequenceToSequence(NextToken(LETTERS), SOURCE).loss(sure, whole).backward()
    assert sure.baseline.grad.item() == 1


# --------------------------------------------------------------------------------------------- how it is judged


def test_what_is_written_is_judged_by_its_first_hypotheses(batch):
    """ab was wanted and written, nothing was wanted and b written, cda was wanted and cd written without an end."""
    evaluator = SequenceToSequence(NextToken(LETTERS), SOURCE, ALL).evaluator()
    evaluator.written([hypothesis("ab"), hypothesis("b"), hypothesis("cd", ended=False)], batch)
    scores = evaluator.compute()
    assert scores["token_accuracy"] == pytest.approx((3 + 0 + 2) / (3 + 1 + 4))
    assert scores["exact_match"] == pytest.approx(1 / 3)
    assert scores["cer"] == pytest.approx((0 + 1 + 1) / 5)
    assert scores["wer"] == pytest.approx((0 + 1 + 1) / 2)
    assert math.isnan(scores["perplexity"])  # no window was read


def test_the_right_text_without_an_end_is_no_exact_match(batch):
    evaluator = SequenceToSequence(NextToken(LETTERS), SOURCE, ["exact_match", "token_accuracy"]).evaluator()
    evaluator.written([hypothesis(word, ended=word != "cda") for word in ROWS], batch)
    scores = evaluator.compute()
    assert scores["exact_match"] == pytest.approx(2 / 3)
    assert scores["token_accuracy"] == pytest.approx(7 / 8)


def test_rows_of_which_nothing_is_asked_are_not_judged(batch):
    evaluator = SequenceToSequence(NextToken(LETTERS), SOURCE, ALL).evaluator()
    silent = Batch(batch.inputs, batch.lengths, torch.full_like(batch.targets, IGNORE))
    evaluator.written([hypothesis("ab")] * 3, silent)
    assert all(math.isnan(score) for score in evaluator.compute().values())
    half = Batch(batch.inputs, batch.lengths, batch.targets.clone())
    half.targets[1:] = IGNORE
    evaluator.written([hypothesis("ab"), hypothesis("d"), hypothesis("d")], half)
    assert evaluator.compute()["exact_match"] == 1


def test_exact_match_of_longer_rows_is_told_apart(batch):
    """Longer than the longest target of training, its end counted; what there is nothing of is left out."""
    right = [hypothesis(word) for word in ("ab", "b", "cda")]  # the second one should be empty

    def scores(longest):
        source = SimpleNamespace(targets=LETTERS, writing=writing(LETTERS, longest), text=text)
        task = SequenceToSequence(NextToken(LETTERS), source, ["exact_match", "cer"])
        one, other, both = task.evaluator(), task.evaluator(), task.evaluator()
        one.written(right[:2], batch.rows(slice(0, 2)))
        other.written(right[2:], batch.rows(slice(2, 3)))
        both.merge([one.counted(), other.counted()])
        found = both.compute()
        return {name: found[name] for name in found if name.startswith("exact_match")}

    assert scores(4) == {"exact_match": pytest.approx(2 / 3), "exact_match_seen": pytest.approx(2 / 3)}
    assert scores(3) == {"exact_match": pytest.approx(2 / 3), "exact_match_seen": 0.5, "exact_match_longer": 1.0}
    assert scores(0) == {"exact_match": pytest.approx(2 / 3), "exact_match_longer": pytest.approx(2 / 3)}
    options = {"metrics": ["exact_match", "cer"]}
    assert SequenceToSequence.scores(options, ("perplexity",))[-2:] == ("exact_match_seen", "exact_match_longer")
    assert "exact_match_seen" not in SequenceToSequence.scores({"metrics": ["cer"]}, ())


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 2), (3, 1)])
def test_windows_are_judged_as_the_whole(batch, size, stride):
    task, found = SequenceToSequence(NextToken(LETTERS), SOURCE, ["exact_match"]), output(batch)
    one, other = task.evaluator(), task.evaluator()
    total, begin = 0.0, 0
    for window in batch.windows(size, stride):
        cut = Output(found.features[:, begin : begin + window.time], found.head, None)
        total += other.update(cut, window)
        begin += window.advance
    assert total == pytest.approx(one.update(found, batch), rel=1e-6)
    for evaluator in (one, other):  # the whole is written once, however it is cut
        evaluator.written([hypothesis(word) for word in ROWS], batch)
    assert other.compute() == pytest.approx(one.compute(), rel=1e-6)
    assert one.compute().keys() == {"perplexity", "bits", "accuracy", "exact_match", "exact_match_seen"}


def test_numbers_are_judged_as_they_are_written_freely():
    """mse is of free writing; what is taught shows in the loss."""
    task = OneToMany(Regression(Vector(2)), NUMBERS, ["mse", "mae"])
    targets = torch.tensor([[[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]], [[0.0, 0.0]] * 3])
    targets[1, 2] = float("nan")
    whole = Batch(torch.zeros(2, 3, 2), torch.tensor([3, 2]), targets)
    evaluator = task.evaluator()
    taught = evaluator.update(Output(torch.zeros(2, 3, 2), nn.Identity(), None), whole)
    assert taught == pytest.approx((1 + 4) / 2)
    evaluator.written(torch.full((2, 3, 2), 1.0), whole)
    # ten numbers are asked: 1 0 0 0 0 2 and four zeros, and 1 was written for each
    found = evaluator.compute()
    assert {name: found[name] for name in ("mse", "mae")} == {"mse": pytest.approx(0.9), "mae": pytest.approx(0.9)}
    assert task.derived(0.5) == {}
    assert OneToMany(Regression(Vector(2)), NUMBERS).evaluator().compute() == {}


def test_what_follows_from_the_loss_of_tokens_is_told():
    task = SequenceToSequence(NextToken(LETTERS), SOURCE)
    assert task.derived(math.log(2)) == {"perplexity": pytest.approx(2), "bits": pytest.approx(1)}


# -------------------------------------------------------------------------------------------------------- refusals


def test_refusals():
    read_only = SimpleNamespace(targets=LETTERS)
    with pytest.raises(ConfigurationError, match="task=seq2seq writes an answer step by step, but this data has none"):
        SequenceToSequence(NextToken(LETTERS), read_only)
    with pytest.raises(ConfigurationError, match="task=one_to_many writes"):
        OneToMany(NextToken(LETTERS), read_only)
    with pytest.raises(ConfigurationError, match="use objective=tokens"):
        SequenceToSequence(Classification(Tokens(("a", "b"))), SOURCE)
    with pytest.raises(ConfigurationError, match="task.metrics has 'blue'.*did you mean 'bleu'"):
        SequenceToSequence(NextToken(LETTERS), SOURCE, ["blue"])
    with pytest.raises(ConfigurationError, match="task.metrics has 'mse'"):
        SequenceToSequence(NextToken(LETTERS), SOURCE, ["mse"])
    with pytest.raises(ConfigurationError, match="task.metrics has 'cer', but what this data writes is judged by mse"):
        OneToMany(Regression(Vector(2)), NUMBERS, ["cer"])
