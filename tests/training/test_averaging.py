"""Averages of weights against slow references, and what a run makes of them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seqnet.training import checkpoint, manifest
from seqnet.training.averaging import MovingAverage, mean

RUN = (
    "experiment=adding",
    "data.length=8",
    "data.train_size=160",
    "data.valid_size=20",
    "data.test_size=20",
    "data.batch_size=16",
    "model.hidden_size=8",
    "optimizer.lr=0.02",
    "training.max_epochs=2",
    "training.evaluate_every_steps=2",
)


def test_the_moving_average_is_the_recurrence_written_out() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    average = MovingAverage(model, 0.5)
    slow = {name: parameter.detach().double() for name, parameter in model.named_parameters()}
    for step in range(1, 30):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += torch.randn_like(parameter)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        slow = {name: decay * slow[name] + (1 - decay) * own.detach() for name, own in model.named_parameters()}
    for name, found in average.state().items():
        torch.testing.assert_close(found.double(), slow[name], atol=1e-6, rtol=1e-6)


def test_the_averaged_weights_stand_in_the_model_only_inside() -> None:
    model = nn.Linear(3, 2)
    average = MovingAverage(model, 0.9)
    before = {name: parameter.detach().clone() for name, parameter in average.state().items()}
    with torch.no_grad():
        model.weight += 1
    own = model.weight.detach().clone()
    with pytest.raises(KeyError), average.in_place():
        assert torch.equal(model.weight, before["weight"])
        raise KeyError
    assert torch.equal(model.weight, own)
    other = MovingAverage(model, 0.9)
    other.restore(average.state())
    assert torch.equal(other.state()["weight"], before["weight"])


def test_the_mean_by_hand() -> None:
    several = [{"w": torch.tensor([1.0, 2.0])}, {"w": torch.tensor([3.0, 5.0])}, {"w": torch.tensor([5.0, -1.0])}]
    assert mean(several)["w"].tolist() == [3.0, 2.0]


def test_a_run_scores_and_uses_the_moving_average(seqnet: Any) -> None:
    assert seqnet.quietly(*RUN, "run_dir=plain").code == 0
    assert seqnet.quietly(*RUN, "training.ema_decay=0.9", "run_dir=run").code == 0
    for part in ("parameters", "optimizer", "rng"):  # training itself is the same
        assert seqnet.fingerprint("run")[part] == seqnet.fingerprint("plain")[part]
    assert seqnet.rows("run") != seqnet.rows("plain")
    best = checkpoint.read(manifest.find(Path("run")))
    assert any(not torch.equal(best["ema"][name], weight) for name, weight in best["parameters"].items())
    told = seqnet("evaluate", "run=run").rows[0]
    assert {key: told[key] for key in seqnet.results("run")["test"]} == seqnet.results("run")["test"]
    # The same weights as parameters of a run without an average score the same.
    moved = {**best, "parameters": best["ema"], "ema": {}}
    checkpoint.write(Path("other/checkpoints"), 2, moved)
    assert seqnet("evaluate", "run=other").rows[0]["loss"] == told["loss"]


def test_the_best_are_kept_and_their_mean_takes_the_place_of_the_best(seqnet: Any) -> None:
    options = (*RUN, "checkpoint.keep=1", "checkpoint.keep_best=3", "checkpoint.average_best=true")
    assert seqnet.quietly(*options, "run_dir=run").code == 0
    folder = Path("run/checkpoints")
    valid = {row["step"]: row["loss"] for row in seqnet.rows("run") if row["split"] == "valid"}
    three = sorted(sorted(valid, key=lambda step: valid[step])[:3])
    there = {manifest.step_of(path) for path in manifest.existing(folder)}
    assert there == {*three, max(valid)}
    weights = mean([checkpoint.read(checkpoint.named(folder, step))["parameters"] for step in three])
    best, found = manifest.find(Path("run")), seqnet.results("run")["best"]
    scored = seqnet("evaluate", "run=run", "split=valid").rows[0]["loss"]
    assert scored == found["loss"] <= min(valid.values())
    if best.name == manifest.AVERAGED:  # it was the better
        assert found["averaged_steps"] == three
        torch.testing.assert_close(checkpoint.read(best)["parameters"], weights, atol=0, rtol=0)
    else:
        assert found["step"] in three and "averaged_steps" not in found


def test_the_mean_is_taken_only_where_it_is_better(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqnet.training import averaging

    options = (*RUN, "checkpoint.keep_best=3", "checkpoint.average_best=true")
    monkeypatch.setattr(averaging, "mean", lambda several: {k: w + 5 for k, w in several[0].items()})
    assert seqnet.quietly(*options, "run_dir=worse").code == 0
    assert manifest.find(Path("worse")).name != manifest.AVERAGED
    best = checkpoint.read(manifest.find(Path("worse")))
    monkeypatch.setattr(averaging, "mean", lambda several: best["parameters"])
    monkeypatch.setattr("seqnet.training.progress.Stopping.prefers", lambda *scored: True)
    assert seqnet.quietly(*options, "run_dir=better").code == 0
    assert manifest.find(Path("better")).name == manifest.AVERAGED
    # A run that goes on has its best checkpoint back.
    assert seqnet("train", "run_dir=better", "training.max_epochs=3", "checkpoint.average_best=false").code == 0
    assert manifest.find(Path("better")).name != manifest.AVERAGED
    assert not Path("better/checkpoints", manifest.AVERAGED).exists()
