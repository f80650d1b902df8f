"""seqnet export: a folder that answers as the run does, without torch and without seqnet."""

import json
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
    made = seqnet("export", f"run={writer_run}", "output=lm")
    assert made.code == 0, made.err
    assert made.err.splitlines() == ["seqnet: making model.onnx", "seqnet: making step.onnx"]
    assert "lm: a language model: model.onnx, step.onnx, model.json, vocabularies.json, run.py" in made.out
    assert {path: path.read_bytes() for path in writer_run.rglob("*") if path.is_file()} == before
    assert [path.name for path in Path().iterdir()] == ["lm"]
    for file in Path("lm").glob("*.onnx"):
        assert not [trace for trace in TRACES if trace in file.read_bytes()]
    found = alone(Path("lm").resolve(), "--decoding", "greedy", "--length", "20", stdin="the fox\n")
    assert (found.returncode, found.stderr) == (0, "")
    asked = ("decoding=greedy", "length=20", "prompt=the fox")
    (row,) = seqnet("generate", f"run={writer_run}", *asked).rows
    assert found.stdout == f"the fox{row['prediction']}\n"
    model = run.Model("lm")
    one, other = ("".join(model.go_on("fox", 30, seed=seed)) for seed in (3, 3))
    assert one == other
    assert len(one) == 30
    # What is read at once is what is read step by step.
    tokens = model.writes.encode("the quick fox")
    (whole,) = model.logits([{"text": tokens}])
    steps = run.Steps(model.session("step.onnx"), model.begin(1), [])
    singly = np.concatenate([steps(tokens[at : at + 1]) for at in range(len(tokens))])
    assert np.allclose(singly, whole, atol=CLOSE)


def test_a_folder_is_whole_or_refused(seqnet: Any, judge_run: Path) -> None:
    folder = Path("out/judge")
    assert seqnet("export", f"run={judge_run}", f"output={folder}").code == 0
    lines = "the quick fox\n\nlazy dog dog\nzebra\n"
    found = alone(folder.resolve(), "--probabilities", stdin=lines)
    assert (found.returncode, found.stderr) == (0, "")
    Path("lines.txt").write_text(lines)
    rows = seqnet("predict", f"run={judge_run}", "input=lines.txt", "probabilities=true").rows
    for row, line in zip(rows, found.stdout.splitlines(), strict=True):
        told = json.loads(line)
        assert told["prediction"] == row["prediction"]
        assert told["score"] == pytest.approx(row["score"], abs=1e-5)
        assert told.get("probabilities") == pytest.approx(row.get("probabilities"), abs=1e-5)
    # Damage is found before anything is answered.
    weights = bytearray((folder / "model.onnx").read_bytes())
    weights[-100] ^= 1
    (folder / "model.onnx").write_bytes(weights)
    found = alone(folder.resolve(), stdin="fox\n")
    assert (found.returncode, found.stdout) == (5, "")
    assert found.stderr.startswith("run.py: ")
    assert "is not what was exported (its sha256 differs)" in found.stderr
    again = seqnet("export", f"run={judge_run}", f"output={folder}")
    assert (again.code, "out/judge holds something already" in again.err) == (2, True)


def test_answers_are_written_and_quantised(seqnet: Any, reverse_run: Path) -> None:
    made = seqnet("export", f"run={reverse_run}", "output=small", "quantize=int8")
    assert made.code == 0, made.err
    assert "test exact_match: " in made.out
    assert "quantised" in made.out
    model = run.Model("small")
    lines = ["1 2 3", "4", "0 0 1 2 3"]
    together = model.answer(lines, decoding=run.Decoding("beam", beam_size=3))
    assert together == [model.answer([line], decoding=run.Decoding("beam", beam_size=3))[0] for line in lines]
    with pytest.raises(run.Problem, match="line 2: source: '9' cannot be read; give whole numbers from 0 to 4"):
        model.answer(["1", "9"])
    with pytest.raises(run.Problem, match="this is no language model"):
        next(model.go_on("1"))


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
    cells: Any = iter([GRU, GRU, *[partial(RNN, nonlinearity=name) for name in ("leaky_relu", "linear") * 2]])
    layers = stacked(lambda *sizes: next(cells)(*sizes), 3, 4, 3, bidirectional=True)

    def inputs(size: Any, random: torch.Generator) -> Any:
        lengths = torch.randint(0, size.time + 1, (size.batch,), generator=random)
        return {"x": torch.randn(size.batch, size.time, 3, generator=random), "lengths": lengths}

    part = Part("it.onnx", lambda: Stacked(with_layers(layers, Operator)), Stacked(layers), inputs, ("y",))
    content = graph_of(part.exported(), example(part), part.dimensions(), part.names)
    assert farthest(part, content) < CLOSE
    with torch.no_grad():
        layers.layers[0].left_to_right.cell.weight_hh[0, 0] += 0.1
    with pytest.raises(ConfigurationError, match="it.onnx is no right picture of the model: y is .* away from what"):
        farthest(part, content)
