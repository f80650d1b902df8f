"""Adaptive softmax against the formula by hand, and its layer as a model's head."""

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.adaptive import AdaptiveTokens
from seqnet.specs import Tokens, Vector


def words(size, special=0):
    return Tokens(tuple(map(str, range(size))), ranked=size - special)


def layer(special=0, size=20, cutoffs=(4, 9), width=8, div_value=2.0):
    torch.manual_seed(0)
    return AdaptiveTokens(words(size, special), list(cutoffs), div_value).output_layer(width)


def by_hand(made, x, rank):
    """Negative log p(rank | x) by the two levels, in plain arithmetic."""
    weights = made.softmax
    head = (weights.head.weight @ x).exp()
    if rank < 4:
        return -(head[rank] / head.sum()).log()
    cluster, begin = (0, 4) if rank < 9 else (1, 9)
    down, up = weights.tail[cluster]
    inside = (up.weight @ (down.weight @ x)).exp()
    return -(head[4 + cluster] / head.sum() * inside[rank - begin] / inside.sum()).log()


@pytest.mark.parametrize("special", [0, 2])
def test_losses_are_those_of_the_two_levels_and_of_its_own_log_probabilities(special):
    made, features, targets = layer(special), torch.randn(20, 8), torch.arange(20)
    losses = made.losses(features, targets)
    logs = made(features)
    for item, x in enumerate(features):
        rank = (item + special) % 20  # the special ones at the end count as the first
        torch.testing.assert_close(losses[item], by_hand(made, x, rank))
    torch.testing.assert_close(losses, -logs.gather(1, targets[:, None]).squeeze(1))
    torch.testing.assert_close(logs.exp().sum(1), torch.ones(20))
    objective = AdaptiveTokens(words(20, special), [4, 9], 2.0)
    torch.testing.assert_close(objective.loss(logs, targets), losses.sum())
    torch.testing.assert_close(objective.losses(logs, targets), losses)


def test_gradients_are_those_of_its_log_probabilities():
    made, features, targets = layer(), torch.randn(12, 8, requires_grad=True), torch.randint(20, (12,))
    wanted = [features, *made.parameters()]
    direct = torch.autograd.grad(made.losses(features, targets).sum(), wanted)
    logs = -made(features).gather(1, targets[:, None]).sum()
    for one, other in zip(direct, torch.autograd.grad(logs, wanted), strict=True):
        torch.testing.assert_close(one, other)


def test_features_of_any_shape():
    made, features = layer(2), torch.randn(3, 1, 8)
    assert made(features).shape == (3, 1, 20)
    torch.testing.assert_close(made(features)[1, 0], made(features[1])[0])
    assert made(features[:0]).shape == (0, 1, 20)
    assert made.losses(torch.randn(1, 8), torch.tensor([12])).shape == (1,)
    assert made.losses(torch.randn(0, 8), torch.tensor([], dtype=torch.int64)).sum() == 0


def test_under_autocast_it_is_exact():
    made, features = layer(), torch.randn(6, 8)
    targets = torch.randint(20, (6,))
    expected, logs = made.losses(features, targets), made(features)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(made.losses(features, targets), expected)
        torch.testing.assert_close(made(features), logs)
        assert made.losses(features.bfloat16(), targets).dtype == torch.float32


@pytest.mark.parametrize(
    ("size", "width", "found"),
    [(10_000, 200, [625, 2500]), (50, 16, [3, 12]), (50, 15, [3]), (7, 4, [1]), (2, 4, [1])],
)
def test_cutoffs_follow_from_the_vocabularys_size(size, width, found):
    made = AdaptiveTokens(words(size)).output_layer(width)
    assert made.softmax.cutoffs == [*found, size]
    assert [down.out_features for down, _ in made.softmax.tail] == [width // 4 ** (i + 1) for i in range(len(found))]


def test_it_has_fewer_weights_than_a_linear_layer():
    made = AdaptiveTokens(words(10_000)).output_layer(200)
    assert sum(parameter.numel() for parameter in made.parameters()) < 0.25 * 200 * 10_000


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"targets": Vector(3)}, "objective=adaptive judges one of several classes"),
        ({"targets": Tokens(("a", "b", "c"))}, "objective=adaptive needs a vocabulary in order of frequency"),
        ({"targets": words(9), "cutoffs": [3, 3]}, r"objective\.cutoffs=\[3, 3\] must rise"),
        ({"targets": words(9), "cutoffs": [5, 3]}, r"objective\.cutoffs=\[5, 3\] must rise"),
        ({"targets": words(9), "cutoffs": [0, 3]}, r"objective\.cutoffs=\[0, 3\] must rise"),
        ({"targets": words(9), "cutoffs": [9]}, r"objective\.cutoffs=\[9\] .* below the 9 entries"),
        ({"targets": words(9), "cutoffs": []}, r"objective\.cutoffs=\[\] must rise"),
        ({"targets": words(9), "div_value": 0.5}, r"objective\.div_value is 0\.5"),
    ],
)
def test_refuses(options, named):
    with pytest.raises(ConfigurationError, match=named):
        AdaptiveTokens(**options)


def test_refuses_a_cluster_that_would_see_nothing():
    with pytest.raises(ConfigurationError, match=r"objective\.div_value=4\.0 leaves cluster 2 of 8 features none"):
        AdaptiveTokens(words(50), [3, 12]).output_layer(8)
    with pytest.raises(ConfigurationError, match=r"objective\.div_value=4\.0 leaves cluster 1 of 3 features none"):
        AdaptiveTokens(words(50)).output_layer(3)
