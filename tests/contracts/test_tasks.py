"""Every task in configs/task with every objective in configs/objective that goes with it."""

import json
import pickle
from types import SimpleNamespace

import pytest
import torch

from seqnet import build
from seqnet.batch import IGNORE, Batch, Output, has_target
from seqnet.errors import ConfigurationError
from seqnet.scores import HIGHER_IS_BETTER, LOWER_IS_BETTER, NEITHER
from seqnet.specs import Scale, Tokens, Vector, Writing
from seqnet.tasks.evaluator import asked_items

CONTRACT = {  # the names of DESIGN, section 4, and of trees and of a threshold and a bias that are chosen
    *("accuracy", "macro_f1", "entity_f1", "perplexity", "bits", "mse", "mae", "r2", "nll", "token_accuracy"),
    *("exact_match", "exact_match_seen", "exact_match_longer", "bleu", "chrf", "cer", "wer", "mase", "wql", "coverage"),
    *("bracket_f1", "well_formed", "threshold", "bias"),
}
SPACES = (  # with and without what training tells of them
    Tokens(("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), commonest=0, counts=(40, 6, 3, 9, 2)),
    Tokens(("no", "yes")),
    Vector(3, shares=(0.5, 0.2, 0.0)),
    Vector(2, ("left", "right"), scale=Scale((0.5, -1.0), (2.0, 3.0))),
    Tokens(tuple("abcdefghi"), ranked=7),
)
INPUTS, RAGGED, TIME = Tokens(tuple("abcdefg")), [9, 5, 1, 9, 7], 9


def drawn(space, *shape):
    """Targets of a space; its numbers are 0 or 1, which suits every objective."""
    if isinstance(space, Tokens):
        return torch.randint(0, space.size, shape)
    return torch.randint(0, 2, (*shape, space.size)).float()


def strange(names, space):
    """The names of scores that are none of the contract, of a column of its own, or of what needs no model."""
    own = {f"mae_{name}" for name in getattr(space, "names", ())} | {f"baseline_{name}" for name in CONTRACT}
    return set(names) - {"confusion"} - own - CONTRACT


def suitable(config):
    """An objective for each kind of targets that it accepts."""
    found = []
    for space in SPACES:
        try:
            found.append(build.make(config["objective"], targets=space))
        except ConfigurationError:
            continue
    return found


@pytest.fixture
def objectives(varied_objective, composed):
    """The objective, for each kind of targets that it accepts."""
    name, options = varied_objective
    config = composed("experiment=blank", f"objective={name}")
    config["objective"] |= options
    found = suitable(config)
    assert found, f"objective={name} accepts none of {SPACES}: add targets that suit it to SPACES"
    return found


def test_the_contract_knows_which_way_each_score_is_better():
    assert CONTRACT | {"loss"} == LOWER_IS_BETTER | HIGHER_IS_BETTER | NEITHER


def test_the_loss_is_a_sum_over_items_with_finite_gradients(objectives):
    for objective in objectives:
        logits = torch.randn(6, objective.out_features, requires_grad=True)
        targets = drawn(objective.targets, 6)
        for training in (True, False):
            total = objective.loss(logits, targets, training)
            each = [objective.loss(logits[item : item + 1], targets[item : item + 1], training) for item in range(6)]
            assert total.shape == () and total > 0
            torch.testing.assert_close(sum(each), total)
        objective.loss(logits, targets).backward()
        assert logits.grad.isfinite().all() and logits.grad.any(dim=-1).all()
        huge = torch.full_like(logits, 1e4).requires_grad_()
        objective.loss(huge, targets).backward()
        assert huge.grad.isfinite().all()
        assert objective.loss(logits[:0], targets[:0]) == 0


def test_its_answers_are_json_and_its_metrics_are_of_the_contract(objectives):
    for objective in objectives:
        logits, targets = torch.randn(2, 6, objective.out_features), drawn(objective.targets, 12)
        decisions, scores = objective.decide(logits)
        assert decisions.shape[:2] == (2, 6)
        for decision in decisions.flatten(0, 1).tolist():
            answer = objective.explain(decision)
            assert json.loads(json.dumps(answer)) == answer
        if scores is not None:
            assert scores.shape == (2, 6) and (scores >= 0).all() and (scores <= 1).all()
        metrics = objective.metrics()
        objective.update(metrics, logits.flatten(0, 1), targets)
        assert not strange(metrics, objective.targets)
        assert objective.row_metrics().keys() <= CONTRACT
        assert all(metrics[name].compute().isfinite() for name in metrics if name != "confusion")
        derived = objective.derived(0.7)
        assert derived.keys() <= CONTRACT
        assert json.loads(json.dumps(derived)) == derived


def test_what_follows_from_the_loss_is_what_its_metrics_say(objectives):
    for objective in objectives:
        logits, targets = torch.randn(8, objective.out_features), drawn(objective.targets, 8)
        metrics = objective.metrics()
        objective.update(metrics, logits, targets)
        loss = objective.loss(logits, targets, training=False).item() / 8
        for name, value in objective.derived(loss).items():
            assert metrics[name].compute().item() == pytest.approx(value, rel=1e-5)


# ------------------------------------------------------------------------ tasks with objectives


@pytest.fixture
def assemblies(judged, composed):
    """Task, objective and a model that goes with them, for each kind of targets that the objective accepts."""
    return assembled(*judged, composed)


@pytest.fixture
def in_items(cut, composed):
    """The same of objectives whose loss is a sum over items, so that rows may be cut into windows."""
    return assembled(*cut, composed)


def assembled(task, objective, composed):
    choices = ("experiment=blank", f"task={task}", f"objective={objective}")
    try:
        config = composed(*choices)
    except ConfigurationError:
        config = composed(*choices, "model=encoder_decoder", "task.metrics=[]")
    config["model"] |= {"hidden_size": 6, "embedding_size": 5}
    if "metrics" in config["task"]:
        config["task"]["metrics"] = []  # of free writing; here everything is taught
    writing = Writing(begin=None, end=None, forbidden=(), longest=TIME)
    found = []
    for space in (accepted.targets for accepted in suitable(config)):
        source = SimpleNamespace(inputs=INPUTS, targets=space, views={}, source=None, writing=writing)
        found.append(build.assemble(config, source))
    return found


def batch(assembly, lengths=RAGGED, ignored=True):
    """A batch of the kind that the task judges: targets of rows, or of steps."""
    rows, lengths = len(lengths), torch.tensor(lengths)
    inputs, space = torch.randint(0, 7, (rows, TIME)), assembly.objective.targets
    nothing = IGNORE if isinstance(space, Tokens) else float("nan")
    by_step, by_row = drawn(space, rows, TIME), drawn(space, rows)
    by_step[torch.arange(TIME) >= lengths[:, None]] = nothing
    if ignored:
        by_step[0, 2:4] = nothing
        by_row[1] = nothing
    for made in (Batch(inputs, lengths, by_step), Batch(inputs, lengths, by_row, row_targets=True)):
        try:
            assembly.task.count(made)
        except ConfigurationError:
            continue
        return made
    raise AssertionError("the task takes neither targets of rows nor of steps")


def total(assembly, windows):
    """Summed loss, count, scores and confusion matrix of windows, state carried."""
    judge, state, loss, judged, count = assembly.task.evaluator(), None, 0.0, 0.0, 0
    for window in windows:
        output = assembly.model(window, state)
        loss = loss + assembly.task.loss(output, window)
        judged += judge.update(output, window)
        count += assembly.task.count(window)
        state = output.state
    return loss, judged, count, judge.compute(), judge.confusion()


def told(assembly, whole):
    """The loss that is told of a batch: without what is of training alone, such as the focus of a focal loss."""
    output, objective = assembly.model(whole), assembly.objective
    if getattr(objective, "whole_rows", False):
        return assembly.task.loss(output, whole).item()
    features, targets = asked_items(output.features, whole)
    return objective.loss(output.head(features), targets, training=False).item()


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize(("size", "stride"), [(3, 3), (4, 1), (5, 3)])
def test_sums_over_windows_are_those_of_the_whole(in_items, size, stride, ragged):
    for assembly in in_items:
        whole = batch(assembly, RAGGED if ragged else [TIME] * 4, ignored=ragged)
        loss, judged, count, scores, confusion = total(assembly, [whole])
        assert judged == pytest.approx(told(assembly, whole), rel=1e-6)
        found = total(assembly, whole.windows(size, stride))
        torch.testing.assert_close(found[0], loss)
        assert found[1] == pytest.approx(judged, rel=1e-5)
        assert found[2] == count
        assert found[3] == pytest.approx(scores, rel=1e-5, abs=1e-6)  # r2 is a difference from 1
        assert not strange(scores, assembly.objective.targets)
        assert confusion is None or torch.equal(found[4], confusion) and confusion.sum() == count


def test_the_count_is_of_the_items_that_the_loss_sums(in_items):
    """Each item alone, and what is ignored left out: the losses add up to the whole's."""
    for assembly in in_items:
        whole = batch(assembly)
        dims = 1 if whole.row_targets else 2
        mask = (
            has_target(whole.targets).flatten(dims).all(-1) if whole.targets.dim() > dims else has_target(whole.targets)
        )
        loss, _, count, _, _ = total(assembly, [whole])
        assert count == int(mask.sum()) > 0
        output = assembly.model(whole)
        logits, targets = output.head(output.features[mask]), whole.targets[mask]
        torch.testing.assert_close(assembly.objective.loss(logits, targets), loss)


def test_a_batch_is_what_its_rows_are_by_themselves(assemblies):
    """Whatever stands in padding, and however the rows are put together: losses, scores and answers."""
    for assembly in assemblies:
        whole = batch(assembly)
        rows = [whole.map(lambda tensor, row=row: tensor[row : row + 1]) for row in range(whole.size)]
        if not whole.row_targets:
            rows = [
                Batch(*(part[:, :length] for part in (row.inputs,)), row.lengths, row.targets[:, :length])
                for row, length in zip(rows, RAGGED, strict=True)
            ]
        loss, judged, count, scores, confusion = total(assembly, [whole])
        alone = [total(assembly, [row]) for row in rows]
        torch.testing.assert_close(sum(one[0] for one in alone), loss)
        assert sum(one[1] for one in alone) == pytest.approx(judged, rel=1e-5)
        assert judged == pytest.approx(told(assembly, whole), rel=1e-5)
        assert sum(one[2] for one in alone) == count == int(whole.target_mask().sum())


def test_what_several_ranks_counted_is_what_one_counts(assemblies):
    """However the rows are shared out, and where one has none."""
    for assembly in assemblies:
        whole = batch(assembly)
        _, judged, _, scores, confusion = total(assembly, [whole])
        judges, found = [assembly.task.evaluator() for _ in range(3)], 0.0
        for judge, rows in zip(judges, (slice(0, 2), slice(2, 5)), strict=False):
            part = whole.rows(rows)
            found += judge.update(assembly.model(part), part)
        counted = pickle.loads(pickle.dumps([judge.counted() for judge in judges]))
        for judge in judges:
            judge.merge(counted)
            assert judge.compute() == pytest.approx(scores, rel=1e-5, abs=1e-6)  # r2 is a difference from 1
            assert judge.confusion() is confusion is None or torch.equal(judge.confusion(), confusion)
        assert found == pytest.approx(judged, rel=1e-6)


def test_where_nothing_is_asked_nothing_is_lost_or_learnt(assemblies):
    for assembly in assemblies:
        asks = batch(assembly)
        nothing = IGNORE if isinstance(assembly.objective.targets, Tokens) else float("nan")
        silent = Batch(asks.inputs, asks.lengths, torch.full_like(asks.targets, nothing), asks.row_targets)
        loss, judged, count, scores, confusion = total(assembly, [silent])
        assert (loss.item(), judged, count, confusion) == (0.0, 0.0, 0, None)
        assert all(value != value for value in scores.values())
        loss.backward()
        assert not any(p.grad is not None and p.grad.any() for p in assembly.model.parameters())


def test_ignored_positions_have_no_influence(assemblies):
    """On the loss, its gradient or a score: whatever the model says there."""
    for assembly in assemblies:
        whole = batch(assembly)
        mask = has_target(whole.targets)
        features = torch.randn(*mask.shape[: 1 if whole.row_targets else 2], 6, requires_grad=True)
        there = mask.flatten(features.dim() - 1).all(-1) if mask.dim() >= features.dim() else mask
        results = []
        for noise in (0.0, 50.0):
            changed = features + noise * ~there[..., None]
            output = Output(changed, assembly.model.head, None)
            loss, judge = assembly.task.loss(output, whole), assembly.task.evaluator()
            judge.update(output, whole)
            (gradient,) = torch.autograd.grad(loss, features)
            assert not gradient[~there].any() and gradient[there].any()
            results.append((loss.item(), judge.compute(), gradient))
        assert results[0][:2] == results[1][:2]
        assert torch.equal(results[0][2], results[1][2])


def test_predictions_are_one_json_value_a_row(answered, composed):
    for assembly in assembled(*answered, composed):
        whole = batch(assembly)
        rows = assembly.task.predictions(assembly.model(whole), whole)
        assert len(rows) == len(RAGGED)
        for row, length in zip(rows, RAGGED, strict=True):
            assert row.keys() == {"prediction", "score"}
            assert json.loads(json.dumps(row)) == row
            if not whole.row_targets:
                assert len(row["prediction"]) == len(row["score"]) == length
