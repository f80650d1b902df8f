"""From configuration to objects: what may be named, and what is handed to whom."""

from typing import Any

import pytest
import torch
from torch import nn

from seqnet import build
from seqnet.batch import Batch
from seqnet.cells.gru import GRU
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.errors import ConfigurationError

GIVEN = {"input_size": 3, "hidden_size": 4}


def test_more_lanes_than_a_text_has_steps_for_are_refused():
    config = {"seed": 1, "training": {"window": 4, "stride": None}, "debug": {"one_batch": False}}
    text = Stream(Ragged.of([torch.arange(9)]))
    assert build.loader({**config, "data": {"batch_size": 4}}, text, training=True).num_batches(0) == 1
    for lanes in (5, 100_000_000):
        with pytest.raises(ConfigurationError, match=f"data.batch_size={lanes} lanes share 9 tokens"):
            build.loader({**config, "data": {"batch_size": lanes}}, text, training=True)
        assert build.loader({**config, "data": {"batch_size": lanes}}, text, training=False) is not None


def test_make_adds_what_no_yaml_holds_and_leaves_out_what_the_class_does_not_take() -> None:
    cell = build.make({"_target_": "seqnet.cells.gru.GRU", "single_bias": True}, unwanted=1, **GIVEN)
    assert isinstance(cell, GRU)
    assert cell.weight_ih.shape == (12, 3)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"_target_": "seqnet.cells.gru.GUR"}, "did you mean 'GRU'"),
        ({"_target_": "seqnet.cells.grru.GRU"}, "cannot import seqnet.cells.grru.GRU"),
        ({"_target_": "seqnet.cells.gru.GRU", "sped": 1}, "sped"),
        ({"_target_": "GRU"}, "cannot import GRU"),
        ({"_target_": "seqnet.build.make"}, "is not a class"),
        ({"cell": "gru"}, "_target_ must name a class"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        build.make(config, **GIVEN)


@pytest.mark.parametrize("target", ["torch.nn.Linear", "pathlib.Path", "torch.optim.lr_scheduler.StepLR"])
def test_a_stored_configuration_may_name_only_what_is_trusted(target: str) -> None:
    package = target.partition(".")[0]
    with pytest.raises(ConfigurationError, match=rf"add trust=\[{package}\]"):
        build.locate(target, trust=[])
    assert build.locate(target, trust=[package]).__name__ == target.rpartition(".")[2]
    assert build.locate(target, trust=None).__name__ == target.rpartition(".")[2]


@pytest.mark.parametrize("target", ["seqnet.sweep.Path", "seqnet.build.Any", "torch.optim.Tensor"])
def test_trust_goes_by_identity(target: str) -> None:
    with pytest.raises(ConfigurationError):
        build.locate(target, trust=[])


def test_own_classes_and_torchs_optimisers_need_no_trust() -> None:
    assert build.locate("seqnet.cells.gru.GRU", trust=[]) is GRU
    assert build.locate("torch.optim.AdamW", trust=[]) is torch.optim.AdamW


def test_packages_are_those_that_need_trust() -> None:
    config = {
        "cell": {"_target_": "mine.cells.Slow"},
        "model": {"_target_": "seqnet.models.recurrent.Recurrent", "reader": {"_target_": "theirs.Reader"}},
        "optimizer": {"_target_": "torch.optim.SGD"},
        "attention": None,
    }
    assert build.packages(config) == ["mine", "theirs"]


def test_an_optimiser_is_fused_where_torch_can_and_moves_only_what_asks_for_it() -> None:
    model = nn.Linear(2, 2)
    model.bias.requires_grad = False
    config = {"optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.1, "betas": [0.8, 0.9]}}
    made = build.optimizer(config, model)
    (group,) = made.param_groups
    assert (group["fused"], group["betas"], group["params"]) == (True, (0.8, 0.9), [model.weight])
    assert "fused" not in build.optimizer({"optimizer": {"_target_": "torch.optim.RMSprop"}}, model).param_groups[0]


def settings(**training: Any) -> dict[str, Any]:
    return {
        "seed": 1,
        "data": {"batch_size": 2, "num_workers": 0},
        "training": {"window": None, "stride": None, **training},
        "debug": {"one_batch": False},
    }


def rows() -> Examples:
    inputs = Ragged.of([torch.arange(n) for n in (3, 1, 2, 5, 4)])
    return Examples(inputs, torch.arange(5))


def test_every_row_is_read_once_an_epoch() -> None:
    for training in (True, False):
        loader = build.loader(settings(), rows(), training)
        assert loader is not None
        targets = torch.cat([batch.targets for batch in loader.batches(0)])
        assert targets.sort().values.tolist() == [0, 1, 2, 3, 4]
    assert build.loader(settings(), None, training=True) is None


def test_a_split_is_read_in_batches_of_tokens_where_they_are_set() -> None:
    config = settings()
    config["data"]["batch_tokens"] = 6
    for training in (True, False):
        loader = build.loader(config, rows(), training)
        assert loader is not None
        shapes = sorted((batch.size, batch.time) for batch in loader.batches(0))
        assert shapes == [(1, 3), (1, 4), (1, 5), (2, 2)]  # of rows of 1, 2, 3, 4 and 5 steps


def test_overfitting_reads_the_first_batch_again_and_again() -> None:
    config = settings(window=4)
    config["debug"]["one_batch"] = True
    for split in (rows(), Stream(Ragged.of([torch.arange(40)]))):
        loader = build.loader(config, split, training=True)
        assert loader is not None
        assert loader.num_batches(3) == 1
        (first,), (second,) = list(loader.batches(0)), list(loader.batches(7))
        assert torch.equal(first.inputs, second.inputs)
        assert isinstance(first, Batch) and first.size == 2
        assert not list(loader.batches(0, 1))
    assert first.time == 4


def test_a_stride_needs_one_document() -> None:
    documents = Stream(Ragged.of([torch.arange(20), torch.arange(20)]))
    with pytest.raises(ConfigurationError, match=r"training\.stride=2.*training\.window=4"):
        build.loader(settings(window=4, stride=2), documents, training=True)
    assert build.loader(settings(window=4, stride=4), documents, training=True) is not None


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert build.device("auto") == build.device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigurationError, match="device=cuda"):
        build.device("cuda")


def test_data_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQNET_DATA", "/there")
    assert str(build.data_dir()) == "/there"
    monkeypatch.setenv("SEQNET_DATA", "")
    assert str(build.data_dir()) == "data"
