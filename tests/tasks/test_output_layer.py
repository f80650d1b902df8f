"""The output layer in chunks: the loss, gradients and scores of the whole, and never all logits at once."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seqnet.batch import IGNORE, Batch, Output
from seqnet.objectives.regression import Regression
from seqnet.objectives.tags import Tags
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Vector
from seqnet.tasks import output_layer
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.output_layer import loss_of, losses_of, pieces

WORDS = Tokens(tuple(map(str, range(11))))


@pytest.fixture
def small(monkeypatch):
    """Chunks of at most 40 logits."""
    monkeypatch.setattr(output_layer, "LARGEST", 40)


def problem(out=11, bias=True, items=10):
    torch.manual_seed(0)
    features, head = torch.randn(items, 5, requires_grad=True), nn.Linear(5, out, bias=bias)
    return features, head, torch.randint(out, (items,))


def found(loss, features, head, targets):
    """The loss as the trainer differentiates it: gradients of a third of it."""
    total = loss_of(loss, head, features, targets)
    wanted = [tensor for tensor in (features, *head.parameters()) if tensor.requires_grad]
    return total.detach(), *torch.autograd.grad(total, wanted, total.new_tensor(1 / 3))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("items", [4, 9, 10])  # 3 rows make a chunk: the last one is short or whole
def test_chunks_give_the_loss_and_gradients_of_the_whole(monkeypatch, smoothing, bias, items):
    objective, parts = NextToken(WORDS, smoothing), problem(bias=bias, items=items)
    whole = found(objective.loss, *parts)
    monkeypatch.setattr(output_layer, "LARGEST", 40)
    for one, other in zip(found(objective.loss, *parts), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_chunks_of_any_objective_that_sums_items(monkeypatch):
    features, head, _ = problem(out=30)
    parts, objective = (features, head, torch.randn(10, 30)), Regression(Vector(30), "huber")
    whole = found(objective.loss, *parts)
    monkeypatch.setattr(output_layer, "LARGEST", 40)
    for one, other in zip(found(objective.loss, *parts), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_losses_of_single_items_and_their_sums_gradient(monkeypatch):
    objective, (features, head, targets) = NextToken(WORDS), problem()
    total, each = losses_of(objective.losses, head, features, targets)
    whole = torch.autograd.grad(total, [features, *head.parameters()])
    monkeypatch.setattr(output_layer, "LARGEST", 40)
    chunked, chunks = losses_of(objective.losses, head, features, targets)
    torch.testing.assert_close(chunks, each, rtol=1e-6, atol=1e-6)
    assert not chunks.requires_grad and not each.requires_grad
    torch.testing.assert_close(chunked, each.sum())
    for one, other in zip(torch.autograd.grad(chunked, [features, *head.parameters()]), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_weights_that_do_not_learn_and_features_without_a_gradient(small):
    objective, (features, head, targets) = NextToken(WORDS), problem()
    expected = found(objective.loss, features, head, targets)
    head.requires_grad_(False)
    torch.testing.assert_close(found(objective.loss, features, head, targets)[1], expected[1])
    head.requires_grad_(True)
    for one, other in zip(found(objective.loss, features.detach(), head, targets)[1:], expected[2:], strict=True):
        torch.testing.assert_close(one, other)


def test_a_weight_tied_to_the_embedding_gets_both_gradients(monkeypatch):
    _, head, targets = problem()
    objective = NextToken(WORDS)

    def gradient():
        return torch.autograd.grad(loss_of(objective.loss, head, head.weight[:10] * 2, targets), head.weight)[0]

    whole = gradient()
    monkeypatch.setattr(output_layer, "LARGEST", 40)
    torch.testing.assert_close(gradient(), whole, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_chunks_under_autocast(monkeypatch, half):
    objective, parts = NextToken(WORDS), problem()
    exact = found(objective.loss, *parts)
    monkeypatch.setattr(output_layer, "LARGEST", 40)
    with torch.autocast("cpu", half):
        chunks = found(objective.loss, *parts)
    for one, other in zip(chunks, exact, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.02)


def test_the_same_shape_gives_the_same_bits(small):
    objective, parts = NextToken(WORDS), problem()
    for one, other in zip(found(objective.loss, *parts), found(objective.loss, *parts), strict=True):
        assert torch.equal(one, other)


def test_pieces_are_all_items_in_order(small):
    x, y = torch.arange(10), torch.arange(10) * 2
    assert [[len(a), len(b)] for a, b in pieces(11, x, y)] == [[3, 3], [3, 3], [3, 3], [1, 1]]
    assert torch.equal(torch.cat([a for a, _ in pieces(11, x, y)]), x)
    assert len(list(pieces(4, x, y))) == 1
    assert len(list(pieces(1000, x, y))) == 10  # a row is made whole


@pytest.mark.parametrize("objective", [NextToken(WORDS), Tags(Tokens(("O", *(f"B-{i}" for i in range(10)))))])
def test_scores_and_predictions_in_chunks(monkeypatch, objective):
    torch.manual_seed(0)
    lengths = torch.tensor([7, 2, 5])
    targets = torch.randint(11, (3, 7)).masked_fill(torch.arange(7) >= lengths[:, None], IGNORE)
    batch, output = Batch(torch.zeros(3, 7), lengths, targets), Output(torch.randn(3, 7, 5), nn.Linear(5, 11), None)
    task, results = ManyToMany(objective), []
    for largest in (2**20, 40):
        monkeypatch.setattr(output_layer, "LARGEST", largest)
        evaluator = task.evaluator()
        results.append((evaluator.update(output, batch), evaluator.compute(), task.predictions(output, batch)))
    (loss, scores, rows), (chunked, chunked_scores, chunked_rows) = results
    assert chunked == pytest.approx(loss, rel=1e-6) and chunked_scores == pytest.approx(scores, rel=1e-6)
    assert [row["prediction"] for row in chunked_rows] == [row["prediction"] for row in rows]


class Largest(TorchDispatchMode):
    """Remembers how many numbers the largest tensor that was made has."""

    size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(made) if isinstance(leaf, torch.Tensor)]
        self.size = max(self.size, *sizes, 0)
        return made


def largest(vocabulary, judged):
    """Of a training step, or of judging, of 400 items over so many words, 8 features wide."""
    task = ManyToMany(NextToken(Tokens(tuple(map(str, range(vocabulary))))))
    batch = Batch(torch.zeros(4, 100), torch.full((4,), 100), torch.randint(vocabulary, (4, 100)))
    output = Output(torch.randn(4, 100, 8, requires_grad=not judged), nn.Linear(8, vocabulary), None)
    with Largest() as seen:
        if judged:
            with torch.inference_mode():
                task.evaluator().update(output, batch)
        else:
            task.loss(output, batch).backward()
    return seen.size


@pytest.mark.parametrize("judged", [False, True], ids=["training", "judging"])
def test_memory_does_not_grow_with_the_vocabulary_but_by_the_weight(monkeypatch, judged):
    monkeypatch.setattr(output_layer, "LARGEST", 2**19)
    assert largest(1_000, judged) == 400 * 1_000  # few logits: all at once
    assert largest(10_000, judged) <= 2**19
    assert largest(100_000, judged) <= 8 * 100_000  # the weight's own size; all logits would be 40 million
