"""Every torch optimiser that trains with a plain step has a yaml, whose defaults are torch's own."""

import inspect

import pytest
import torch
import yaml

from seqnet import build
from seqnet.configuration import CONFIGS
from seqnet.errors import ConfigurationError

FILES = {path.stem: yaml.safe_load(path.read_text()) for path in (CONFIGS / "optimizer").glob("*.yaml")}
NEED_MORE = {"LBFGS", "SparseAdam", "Muon"}  # a closure, sparse gradients, matrices only


def test_every_optimiser_has_a_yaml():
    classes = {
        name
        for name, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
    }
    assert {file["_target_"] for file in FILES.values()} == {f"torch.optim.{name}" for name in classes - NEED_MORE}


@pytest.mark.parametrize("name", FILES)
def test_it_lowers_a_loss_and_takes_every_option(name):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = build.optimizer({"optimizer": FILES[name]}, model)
    inputs = torch.randn(20, 3)
    losses = []
    for _ in range(20):
        loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", FILES)
def test_defaults_are_torchs_own(name):
    options = {key: value for key, value in FILES[name].items() if key != "_target_"}
    if name == "sgd":
        assert options.pop("lr") == 0.1  # torch's 0.001 hardly moves a recurrent network
    takes = inspect.signature(getattr(torch.optim, FILES[name]["_target_"].rpartition(".")[2])).parameters
    for key, value in options.items():
        default = takes[key].default
        assert value == (list(default) if isinstance(default, tuple) else default), key


def test_an_optimiser_is_fused_where_torch_has_that(monkeypatch):
    """Some versions have no fused Adagrad for a GPU, and say so at its first step only."""
    model, asked = torch.nn.Linear(3, 1), {"optimizer": FILES["adagrad"]}
    assert build.optimizer(asked, model).defaults["fused"] is True
    step = torch.optim.Adagrad.step

    def without(self, closure=None):
        if self.defaults["fused"]:
            raise RuntimeError("`fused=True` requires all the params to be floating point Tensors of supported devices")
        return step(self, closure)

    monkeypatch.setattr(torch.optim.Adagrad, "step", without)
    optimizer = build.optimizer(asked, model)
    assert optimizer.defaults["fused"] is False
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    with pytest.raises(ConfigurationError, match="refuses these options: Invalid learning rate"):
        build.optimizer({"optimizer": {**FILES["adagrad"], "lr": -1.0}}, model)
