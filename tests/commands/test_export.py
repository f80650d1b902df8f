"""seqnet export: a folder that answers as the run does, without torch and without seqnet."""

import contextlib
import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqnet.cells.gru import GRU
from seqnet.cells.rnn import RNN
from seqnet.errors import ConfigurationError
from seqnet.exporting import run
from seqnet.exporting.graphs import graph_of
from seqnet.exporting.layers import Operator, with_layers
from seqnet.exporting.parity import CLOSE, farthest
from seqnet.exporting.plan import Part, example
from seqnet.layers.stack import stacked

SECONDS = 60
ALONE = "import sys, runpy; sys.modules['torch'] = sys.modules['seqnet'] = None; sys.argv = sys.argv[1:]; " + (
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
"""Runs a file where there is neither torch nor seqnet."""
TRACES = (b"/seqnet/", b".py", b"/tmp", b"/home")


def alone(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """run.py of an export, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", ALONE, str(folder / "run.py"), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=folder,
    )


def test_a_language_model_goes_on_as_generate_does(seqnet: Any, writer_run: Path) -> None:
    before = {path: path.read_bytes() for path in writer_run.rglob("*") if path.is_file()}
    made = seqnet("export", f"run={writer_run}", "output=out/lm")
    assert made.code == 0, made.err
    assert made.err.splitlines() == ["seqnet: making model.onnx", "seqnet: making step.onnx"]
    assert "out/lm: a language model: model.onnx, step.onnx, model.json, vocabularies.json, run.py" in made.out
    assert {path: path.read_bytes() for path in writer_run.rglob("*") if path.is_file()} == before
    folder = Path("out/lm").resolve()
    assert [path.name for path in folder.parent.iterdir()] == ["lm"]
    for file in folder.glob("*.onnx"):
        assert not [trace for trace in TRACES if trace in file.read_bytes()]
    found = alone(folder, "--decoding", "greedy", "--length", "20", stdin="the fox\n")
    assert (found.returncode, found.stderr) == (0, "")
    asked = ("decoding=greedy", "length=20", "prompt=the fox", "format=json")
    (row,) = seqnet("generate", f"run={writer_run}", *asked).rows
    assert found.stdout == f"the fox{row['prediction']}\n"
    model = run.Model(folder)
    one, other = ("".join(model.go_on("fox", 30, seed=seed)) for seed in (3, 3))
    assert one == other
    assert len(one) == 30
    # What is read at once is what is read step by step.
    tokens = model.writes.encode("the quick fox")
    (whole,) = model.logits([{"text": tokens}])
    steps = run.Steps(model.session("step.onnx"), model.begin(1), [])
    singly = np.concatenate([steps(tokens[at : at + 1]) for at in range(len(tokens))])
    assert np.allclose(singly, whole, atol=CLOSE)
    # Nothing is written over, and damage is found before anything is answered.
    again = seqnet("export", f"run={writer_run}", "output=out/lm")
    assert (again.code, "out/lm holds something already" in again.err) == (2, True)
    Path("empty").mkdir()
    with contextlib.chdir("empty"):
        again = seqnet("export", f"run={writer_run}", "output=.")
    assert (again.code, again.err) == (2, "seqnet: output=.: name a folder to be made\n")
    weights = bytearray((folder / "step.onnx").read_bytes())
    weights[-100] ^= 1
    (folder / "step.onnx").write_bytes(weights)
    found = alone(folder, "--prompt", "fox")
    assert (found.returncode, found.stdout) == (5, "fox")
    assert found.stderr.startswith("run.py: ")
    assert "step.onnx is not what was exported (its sha256 differs)" in found.stderr


@pytest.mark.slow
def test_a_quantised_run_says_what_that_costs(seqnet: Any, reverse_run: Path) -> None:
    made = seqnet("export", f"run={reverse_run}", "output=small", "quantize=int8")
    assert made.code == 0, made.err
    told = {line.split(":")[0].strip(): line for line in made.out.splitlines()}
    scores = seqnet("evaluate", f"run={reverse_run}", "split=test", "decoding=greedy", "format=json").rows[0]
    for name in ("loss", "exact_match", "cer"):
        before, after = map(float, re.findall(r"(\S+) in torch, (\S+) quantised", told[f"test {name}"])[0])
        assert before == pytest.approx(scores[name], rel=1e-4)
        assert after == pytest.approx(before, rel=0.05, abs=0.05)
    small = run.Model("small").answer(["1 2 3"], decoding=run.Decoding())
    assert isinstance(small[0]["prediction"], str)


def test_answers_are_written(seqnet: Any, reverse_run: Path) -> None:
    made = seqnet("export", f"run={reverse_run}", "output=small")
    assert made.code == 0, made.err
    model = run.Model("small")
    lines = ["1 2 3", "4", "0 0 1 2 3"]
    together = model.answer(lines, decoding=run.Decoding("beam", beam_size=3))
    assert together == [model.answer([line], decoding=run.Decoding("beam", beam_size=3))[0] for line in lines]
    with pytest.raises(run.Problem, match="line 2: source: '9' cannot be read; give whole numbers from 0 to 4"):
        model.answer(["1", "9"])
    with pytest.raises(run.Problem, match="this is no language model"):
        next(model.go_on("1"))


SMALL = ("data.length=4", "data.symbols=5", "data.train_size=64", "data.valid_size=20", "data.test_size=20")
NUMBERS = [json.dumps([[0.25, 0.5], [0.5, 0.125], [1, 0]]), json.dumps([[0.1, 0.2]])]
SERIES = [
    json.dumps({"value": [step + step % 5 for step in range(40)], "phase": [[0, 1]] * (40 + more), "kind": "a"})
    for more in (0, 12)
]
KINDS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "sentiment": (("experiment=sentiment",), ["the food was not good", "Bad, bad staff!", "zzz"]),
    "bag": (("experiment=sentiment", "model=bag_of_words"), ["the food was not good"]),
    "cnn": (("experiment=sentiment", "model=cnn"), ["the food was not good"]),
    "entities": (("experiment=entities",), ["Anna Smith lives in Berlin .", "ok"]),
    "tags": (("experiment=part_of_speech",), ["the dog sees a cat", "ok"]),
    "series": (("experiment=time_series",), SERIES),
    "gaussian": (("experiment=time_series", "objective=gaussian"), SERIES),
    "ball": (("experiment=ball", "cell=gru", "model.num_layers=2", "model.residual=true"), NUMBERS),
    "raster": (("experiment=adding", "data.length=8", "cell=raster_lstm", "model.readout=mean_max"), NUMBERS),
    "join": (
        ("experiment=question_answering",),
        [json.dumps({"story": "Mary went to the kitchen. John left.", "question": "where is Mary", "answer": ""})],
    ),
    "attend": (
        ("experiment=question_answering", "model/join=attend", "attention=soft"),
        [json.dumps({"story": ["Mary went to the kitchen"], "question": "where is Mary"})],
    ),
    "dates": (("experiment=dates", "data.train_size=64"), ["5 mars 2021", "March 5, 2021"]),
    "addition": (("experiment=addition", "data.train_size=64", "cell=rnn"), ["12+345", "1+1"]),
    "multi_head": (("experiment=reverse", *SMALL, "attention=multi_head", "attention.num_heads=4"), ["1 2 3", "4"]),
    "hard": (("experiment=reverse", *SMALL, "attention=hard"), ["1 2 3", "4"]),
    "local": (("experiment=reverse", *SMALL, "attention=local"), ["1 2 3", "4"]),
    "fed": (
        ("experiment=reverse", *SMALL, "attention.coverage=true", "model.input_feeding=true"),
        ["1 2 3", "4"],
    ),
    "blind": (
        ("experiment=reverse", *SMALL, "attention=none", "model.bidirectional=false", "model.bridge=copy"),
        ["1 2 3", "4"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_answers_as_predict_does(seqnet: Any, kind: str) -> None:
    options, lines = KINDS[kind]
    quick = ("debug=quick", "observers.tensorboard=false", "observers.console=false", "run_dir=run", "device=cpu")
    assert seqnet("train", *quick, *options).code == 0
    made = seqnet("export", "run=run", "output=out")
    assert made.code == 0, made.err
    model = run.Model("out")
    Path("lines.txt").write_text("\n".join(lines) + "\n")
    ways: list[tuple[tuple[str, ...], run.Decoding | None]] = [((), None)]
    if model.asks == "text":
        options = ("decoding=beam", "decoding.beam_size=4", "decoding.n_best=2")
        ways = [(("decoding=greedy",), run.Decoding()), (options, run.Decoding("beam", beam_size=4, n_best=2))]
    for asked, decoding in ways:
        rows = seqnet("predict", "run=run", "input=lines.txt", "output=told.jsonl", *asked)
        assert rows.code == 0, rows.err
        wanted = [json.loads(line) for line in Path("told.jsonl").read_text().splitlines()]
        for one, other in zip(model.answer(lines, decoding=decoding), wanted, strict=True):
            assert alike(one, {key: other[key] for key in one})


def alike(one: Any, other: Any) -> bool:
    """Whether two answers are the same, but for the last digits of numbers."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == pytest.approx(other, rel=1e-4, abs=1e-5)) if isinstance(one, float) else one == other


def test_what_cannot_be_exported_is_refused_by_its_name(
    seqnet: Any, writer_run: Path, caption_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = seqnet("export", f"run={caption_run}", "output=out")
    assert (refused.code, "DigitCaptions, which does not say how a program" in refused.err) == (2, True)
    for options, sentence in (
        ((), "output is missing: seqnet export run=DIR output=DIR"),
        (("output=out", "quantize=int4"), "quantize=int4 must be int8 or null; did you mean 'int8'?"),
    ):
        refused = seqnet("export", f"run={writer_run}", *options)
        assert (refused.code, sentence in refused.err) == (2, True)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused = seqnet("export", f"run={writer_run}", "output=out")
    assert (refused.code, refused.err) == (
        2,
        "seqnet: seqnet export needs the package onnxruntime: pip install 'seqnet[export]'\n",
    )
    assert not list(Path().iterdir())


class Stacked(torch.nn.Module):
    """Layers over [batch time 3], which hold their state behind a row's end."""

    def __init__(self, layers: torch.nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, tensors: Any) -> Any:
        """Outputs."""
        return {"y": self.layers(tensors["x"], None, tensors["lengths"])[0]}


def test_operators_are_the_cells_and_a_wrong_one_is_found() -> None:
    torch.manual_seed(0)
    cells: Any = iter([GRU, *[partial(RNN, nonlinearity=name) for name in ("leaky_relu", "linear")]])
    layers = stacked(lambda *sizes: next(cells)(*sizes), 3, 4, 3)

    def inputs(size: Any, random: torch.Generator) -> Any:
        lengths = torch.randint(0, size.time + 1, (size.batch,), generator=random)
        return {"x": torch.randn(size.batch, size.time, 3, generator=random), "lengths": lengths}

    part = Part("it.onnx", lambda: Stacked(with_layers(layers, Operator)), Stacked(layers), inputs, ("y",))
    content = graph_of(part.exported(), example(part), part.dimensions(), part.names)
    assert farthest(part, content) < CLOSE
    with torch.no_grad():
        layers.layers[0].cell.weight_hh[0, 0] += 0.1
    with pytest.raises(ConfigurationError, match="it.onnx is no right picture of the model: y is .* away from what"):
        farthest(part, content)
