"""What is learned of the validation split needs one, and what is drawn is known as such."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from seqnet.batch import Batch
from seqnet.commands import launching, preparing
from seqnet.commands.data_of_run import DataOfRun, is_drawn
from seqnet.commands.preparing import prepare_process, rehearse
from seqnet.configuration import compose
from seqnet.errors import ConfigurationError
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.quantile import Quantile
from seqnet.specs import Vector


@pytest.mark.parametrize(
    ("objective", "after", "sentence"),
    [
        (Quantile(Vector(1), conformal=True), None, "objective.conformal=true measures a band on the validation split"),
        (
            MultiLabel(Vector(2), threshold="chosen"),
            None,
            "objective.threshold=chosen is chosen on the validation split",
        ),
        (Quantile(Vector(1)), 3, "training.average_after=3 waits for scores of the validation split"),
        (Quantile(Vector(1)), None, None),
        (MultiLabel(Vector(2)), None, None),
    ],
)
def test_what_goes_by_the_validation_split_needs_one(objective: Any, after: int | None, sentence: str | None) -> None:
    class Seen(Exception):
        """The model was asked, so nothing was refused."""

    def asked(*_: Any) -> None:
        raise Seen

    model = nn.Linear(1, 1)
    model.forward = asked  # type: ignore[method-assign]
    task = SimpleNamespace(evaluator=lambda: None, count=lambda batch: 1)
    example = Batch(torch.zeros(1, 1, 1), torch.tensor([1]), torch.zeros(1, 1, 1))
    data = DataOfRun({}, {"train": None, "valid": None, "test": None}, example, None)
    assembly: Any = SimpleNamespace(source=SimpleNamespace(), objective=objective, task=task, model=model)
    config = {"training": {"average_after": after}}
    precision: Any = SimpleNamespace(autocast=torch.no_grad, device=torch.device("cpu"))
    with pytest.raises(Seen if sentence is None else ConfigurationError, match=sentence):
        rehearse(config, assembly, precision, data, None)
    if sentence is not None:
        told = dataclasses.replace(data, loaders={**data.loaders, "valid": SimpleNamespace()})
        with pytest.raises(Seen):
            rehearse(config, assembly, precision, told, None)


def test_rows_of_a_table_are_drawn_where_no_files_are_named() -> None:
    config = compose("train", ["experiment=sentiment"]).config
    assert is_drawn(config)
    assert not is_drawn({"data": {**config["data"], "path": "reviews.csv"}})
    assert not is_drawn({"data": {**config["data"], "generated": None}})


@pytest.mark.parametrize(("threads", "found"), [(None, 4), (3, 3)])
def test_the_ranks_of_a_machine_share_its_cores(
    threads: int | None, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    for key, value in launching.environment(0, 2, 29500).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(preparing, "cores", lambda: 8)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda on: None)  # which imports a compiler
    try:
        prepare_process({"seed": 1, "threads": threads, "deterministic": False})
        assert torch.get_num_threads() == found
    finally:
        torch.set_num_threads(before)
