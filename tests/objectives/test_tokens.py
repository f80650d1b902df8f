import math

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Vector

VOCAB = Tokens(("a", "b", "c"))
LOGITS = torch.tensor([[0.0, 0.0, math.log(2)], [0.0, math.log(2), math.log(4)]])  # 1/4 1/4 1/2; 1/7 2/7 4/7


def test_loss_and_what_follows_from_it_by_hand():
    objective = NextToken(VOCAB)
    loss = objective.loss(LOGITS, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(math.log(4) + math.log(7 / 2), rel=1e-6)
    assert objective.derived(math.log(8)) == pytest.approx({"perplexity": 8, "bits": 3})
    assert objective.derived(1000.0)["perplexity"] == math.inf


def test_smoothing_counts_in_training_only():
    objective = NextToken(VOCAB, label_smoothing=0.3)
    targets = torch.tensor([2])
    expected = 0.7 * math.log(2) + 0.1 * (math.log(4) + math.log(4) + math.log(2))
    assert objective.loss(LOGITS[:1], targets).item() == pytest.approx(expected, rel=1e-6)
    assert objective.loss(LOGITS[:1], targets, training=False).item() == pytest.approx(math.log(2), rel=1e-6)
    assert objective.derived(1.0) == {}


def test_metrics_over_several_updates():
    objective = NextToken(VOCAB)
    metrics = objective.metrics()
    objective.update(metrics, LOGITS[:1], torch.tensor([0]))
    objective.update(metrics, LOGITS[1:], torch.tensor([2]))
    nats = (math.log(4) + math.log(7 / 4)) / 2
    found = {name: metric.compute().item() for name, metric in metrics.items()}
    assert found == pytest.approx({"perplexity": math.exp(nats), "bits": nats / math.log(2), "accuracy": 1 / 2})


def test_what_single_precision_says_is_impossible_is_only_unlikely():
    objective = NextToken(VOCAB)
    metrics = objective.metrics()
    objective.update(metrics, torch.tensor([[200.0, 0.0, 0.0]]), torch.tensor([1]))
    assert metrics["bits"].compute().item() == pytest.approx(200 / math.log(2))
    assert metrics["perplexity"].compute().item() == pytest.approx(math.exp(200))


def test_metrics_follow_the_mean_loss():
    generator = torch.Generator().manual_seed(0)
    objective, total = NextToken(VOCAB), 0.0
    metrics = objective.metrics()
    for _ in range(50):
        logits = torch.randn(97, 3, generator=generator)
        targets = torch.randint(3, (97,), generator=generator)
        objective.update(metrics, logits, targets)
        total += objective.loss(logits, targets, training=False).item()
    expected = objective.derived(total / (50 * 97))
    assert {name: metrics[name].compute().item() for name in expected} == pytest.approx(expected, rel=1e-6)


def test_refuses_vectors():
    with pytest.raises(ConfigurationError, match="objective=tokens"):
        NextToken(Vector(2))
    with pytest.raises(ConfigurationError, match=r"objective\.label_smoothing"):
        NextToken(VOCAB, label_smoothing=2)


def test_decides_the_likeliest():
    objective = NextToken(VOCAB)
    decisions, probabilities = objective.decide(LOGITS[None])
    assert decisions.tolist() == [[2, 2]] and objective.explain(2) == "c"
    assert probabilities[0].tolist() == pytest.approx([1 / 2, 4 / 7])
