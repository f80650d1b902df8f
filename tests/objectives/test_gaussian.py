import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.gaussian import Gaussian, GaussianLayer
from seqnet.specs import Scale, Tokens, Vector


def test_the_loss_is_the_likelihood_of_a_normal_distribution():
    mean, deviation, wanted = torch.randn(5, 2), torch.rand(5, 2) + 0.1, torch.randn(5, 2)
    found = Gaussian(Vector(2)).losses(torch.cat([mean, mean + deviation], dim=1), wanted)
    expected = -torch.distributions.Normal(mean, deviation).log_prob(wanted).mean(1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_layer_gives_means_and_deviations_above_0():
    torch.manual_seed(0)
    layer = GaussianLayer(3, 2)
    torch.nn.init.normal_(layer.linear.weight, std=20)
    features = torch.randn(40, 3)
    mean, above = layer(features).chunk(2, dim=1)
    assert (above > mean).all()
    assert torch.equal(mean, layer.linear(features)[:, layer.point])


def test_what_is_told_is_in_the_file_s_units():
    objective = Gaussian(Vector(1, scale=Scale((100.0,), (10.0,))))
    assert objective.explain([0.5, 0.75]) == {"mean": 105.0, "deviation": 2.5}
    assert objective.explain([0.5]) == 105.0
    metrics = objective.metrics()
    objective.update(metrics, torch.tensor([[0.0, 1.0], [0.0, 1.0]]), torch.tensor([[1.0], [1.5]]))
    found = {name: metric.compute().item() for name, metric in metrics.items()}
    assert (found["mae"], found["coverage"]) == (12.5, 0.5)  # 1.28 deviations hold 110 and not 115


def test_values_are_drawn_from_it_by_a_generator():
    objective, logits = Gaussian(Vector(1)), torch.tensor([[3.0, 5.0]]).expand(4000, 2)
    one, other = (objective.draw(logits, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, other)
    assert one.mean().item() == pytest.approx(3, abs=0.15) and one.std().item() == pytest.approx(2, abs=0.1)


def test_refuses():
    with pytest.raises(ConfigurationError, match="objective=gaussian"):
        Gaussian(Tokens(("a", "b")))
