"""Averages of weights against slow references, and what a run makes of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seqnet.training import checkpoint, manifest
from seqnet.training.averaging import MovingAverage, TriggeredAverage, mean

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
    for name, found in average.weights().items():
        torch.testing.assert_close(found.double(), slow[name], atol=1e-6, rtol=1e-6)


def moved(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn_like(parameter)


@pytest.mark.parametrize(("monitor", "sign"), [("loss", 1), ("accuracy", -1)])
@pytest.mark.parametrize("after", [1, 2, 5])
def test_the_mean_begins_where_the_paper_begins_it_and_is_the_mean_written_out(
    after: int, monitor: str, sign: int
) -> None:
    """Algorithm 1 of Merity et al. 2018: t > n and v > min of logs[0 .. t - n - 1]."""
    drawn = torch.Generator().manual_seed(after)
    for _ in range(20):
        model, logs, seen, begun = nn.Linear(3, 2), list[float](), list[torch.Tensor](), False
        average = TriggeredAverage(model, after, monitor)
        for evaluation in range(12):
            value = 3 - 0.3 * evaluation + torch.rand((), generator=drawn).item() * 3
            t = len(logs)
            triggers = not begun and t > after and value > min(logs[: t - after])
            assert average.observe(sign * value) == triggers
            logs.append(value)
            if triggers:
                begun, seen = True, [model.weight.detach().clone()]
            assert bool(average.weights()) == begun
            for step in range(2):
                moved(model)
                average.update(step)
                seen += [model.weight.detach().clone()] if begun else []
                if begun:
                    torch.testing.assert_close(average.weights()["weight"], torch.stack(seen).mean(0))
            other = TriggeredAverage(model, after, monitor)
            other.restore(average.weights(), json.loads(json.dumps(average.state())))
            assert other.state() == average.state()
            average = other
        own = model.weight.detach().clone()
        with average.in_place():
            assert torch.equal(model.weight, average.weights()["weight"] if begun else own)
        assert torch.equal(model.weight, own)


def test_a_state_that_is_not_that_of_its_weights_is_refused_and_nan_is_not_heard() -> None:
    model = nn.Linear(3, 2)
    average = TriggeredAverage(model, 1, "loss")
    assert not any(map(average.observe, [1.0, float("nan"), 1.0, float("nan")]))
    assert average.observe(1.5)
    for wrong in ({"count": 0}, {"count": -1}, {"count": 1.5}, {"recent": ["x"]}, {"recent": [1, 2]}, {"best": []}):
        with pytest.raises(ValueError, match="stands where|not theirs"):
            average.restore(average.weights(), average.state() | wrong)


def test_the_averaged_weights_stand_in_the_model_only_inside() -> None:
    model = nn.Linear(3, 2)
    average = MovingAverage(model, 0.9)
    before = {name: parameter.detach().clone() for name, parameter in average.weights().items()}
    with torch.no_grad():
        model.weight += 1
    own = model.weight.detach().clone()
    with pytest.raises(KeyError), average.in_place():
        assert torch.equal(model.weight, before["weight"])
        raise KeyError
    assert torch.equal(model.weight, own)
    other = MovingAverage(model, 0.9)
    other.restore(average.weights(), average.state())
    assert torch.equal(other.weights()["weight"], before["weight"])


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


DROPPING = (
    "experiment=tiny_shakespeare",
    "data.fields.text.level=words",
    "model.num_layers=2",
    "model.tied=true",
    "model.embedding_size=8",
    "model.input_dropout=0.2",
    "model.dropout=0.2",
    "model.output_dropout=0.2",
    "model.locked_dropout=true",
    "model.weight_dropout=0.5",
    "model.embedding_dropout=0.1",
    "model.word_dropout=0.1",
    "training.activation_regularisation=2",
    "training.temporal_activation_regularisation=1",
    "training.average_after=1",
    "training.evaluate_every_steps=2",
    "optimizer.lr=1",
    "training.max_epochs=5",
)


def test_a_run_that_drops_and_averages_goes_on_to_the_same_end_on_both_sides_of_its_trigger(
    seqnet: Any, language_model: tuple[str, ...]
) -> None:
    every = ("checkpoint.every_steps=1", "checkpoint.keep=1000")
    whole = seqnet.quietly(*language_model, *DROPPING, *every, "run_dir=whole")
    assert whole.code == 0, whole.err
    began = int(whole.out.partition("from step ")[2].split()[0])
    assert 2 < began < seqnet.results("whole")["steps"] - 2
    for step in (began - 1, began + 1):
        shutil.copytree("whole", "run", symlinks=True)
        folder = Path("run/checkpoints")
        checkpoint.remove_after(folder, step)
        checkpoint.link(folder, "last", checkpoint.named(folder, step))
        Path("run/results.json").unlink()
        read = checkpoint.read(checkpoint.named(folder, step))
        assert bool(read["ema"]) == (read["averaging"]["count"] > 0) == (step >= began)
        found = seqnet("train", "run_dir=run")
        assert found.code == 0, found.err
        assert seqnet.fingerprint("run") == seqnet.fingerprint("whole")
        assert Path("run/metrics.jsonl").read_bytes() == Path("whole/metrics.jsonl").read_bytes()
        assert seqnet.results("run")["best"] == seqnet.results("whole")["best"]
        shutil.rmtree("run")


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
