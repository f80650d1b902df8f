"""Every torch optimiser that trains with a plain step has a yaml, whose defaults are torch's own."""

import inspect

import pytest
import torch
import yaml

from seqnet import build
from seqnet.configuration import CONFIGS

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
