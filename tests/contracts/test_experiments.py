"""Every experiment in configs/experiment, from end to end on tiny data: two steps of everything."""

import json
import math
from itertools import pairwise

import pytest
import torch

from seqnet import build
from seqnet.cli import answer
from seqnet.draws import drawing

ROW = {"step", "epoch", "split", "loss"}


@pytest.fixture
def arguments(experiment, tiny, composed):
    found = tiny(f"experiment={experiment}")
    model = composed(*found)["model"]
    if not model.get("tied"):
        found += [f"model.{key}=8" for key in ("hidden_size", "embedding_size") if model.get(key)]
    return found


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_it_runs_two_steps_of_everything(arguments, experiment, composed, readable, tmp_path, capsys):
    """And evaluating the run afterwards gives its scores again, to the last bit; and it answers what it is asked."""
    run = tmp_path / "run"
    asked = ["debug=quick", "debug.evaluation_batches=null", f"run_dir={run}", "threads=1", "device=cpu"]
    assert answer(["train", *arguments, *asked]) == 0, capsys.readouterr().err
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    assert (results["experiment"], results["steps"]) == (experiment, 2)
    rows = lines(run / "metrics.jsonl")
    assert all(row.keys() >= ROW and math.isfinite(row["loss"]) for row in rows)
    assert {(row["split"], row["step"]) for row in rows} >= {("train", 1), ("train", 2), ("valid", 1), ("valid", 2)}
    assert {path.name for path in (run / "checkpoints").iterdir()} >= {"last", "best", "step_00000002"}
    assert any((run / "tensorboard").iterdir())
    capsys.readouterr()

    for path in (run, run / "checkpoints" / "best"):
        assert answer(["checkpoint", "verify", str(path)]) == 0
    split, key = ("test", "test") if "test" in results else ("valid", "best")
    output = tmp_path / "scores.jsonl"
    assert answer(["evaluate", f"run={run}", f"split={split}", f"output={output}"]) == 0, capsys.readouterr().err
    scores, *tables = lines(output)
    assert all(isinstance(row["table"], str) for row in tables)
    assert scores.pop("split") == split
    assert scores == {"step": results["best"]["step"]} | results[key]
    assert all(math.isfinite(score) for score in scores.values())

    config = composed(*arguments)
    source = build.source(config)
    source.fit()
    (tmp_path / "lines.txt").write_text(f"{readable(config, source)}\n" * 2, encoding="utf-8")
    told = tmp_path / "answers.jsonl"
    asked = (f"run={run}", f"input={tmp_path / 'lines.txt'}", f"output={told}", "verbose=true")
    assert answer(["predict", *asked]) == 0, capsys.readouterr().err
    answers = lines(told)
    assert len(answers) == 2 and all(row.keys() >= {"prediction", "score"} for row in answers)
    writing = getattr(source, "writing", None)
    if writing is not None:
        chosen = "roll_out" if writing.end is None else config["groups"]["decoding"]
        assert {row["decoding"]["name"] for row in answers} == {chosen}


def test_gradients_reach_all_weights_of_its_model_and_are_those_of_its_rows_apart(arguments, composed):
    """What is drawn is a row's own, wherever the other rows of its batch are."""
    config = composed(*arguments)
    source = build.source(config)
    source.fit()
    assembly = build.assemble(config, source)
    batch = next(build.loader(config, source.split("train"), training=True).batches(0))
    window = next(batch.windows(config["training"]["window"]))
    assert assembly.task.count(window)
    gradients = drawn_gradients(assembly, window, [0, window.size])
    for name, gradient in gradients.items():
        assert gradient is not None and gradient.isfinite().all() and gradient.any(), name
    near = 1e-5 * max(gradient.abs().max().item() for gradient in gradients.values())
    for name, gradient in drawn_gradients(assembly, window, [0, window.size // 2, window.size]).items():
        torch.testing.assert_close(gradient, gradients[name], atol=near, rtol=1e-4, msg=name)


def drawn_gradients(assembly, window, borders):
    """Of the weights in training, summed over the rows between the borders."""
    assembly.model.train().zero_grad()
    for first, end in pairwise(borders):
        part = window.map(lambda tensor: tensor[first:end])  # noqa: B023
        with drawing((1, 2, 3, 4), first):
            assembly.task.loss(assembly.model(part), part).backward()
    return {name: parameter.grad for name, parameter in assembly.model.named_parameters()}
