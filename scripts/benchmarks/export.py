"""An exported language model beside torch: starting, memory, one step, and text written greedily."""

import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from benchmarks.timing import Pair, pair, told
from torch import Tensor, nn

from seqnet import cli
from seqnet.commands.samples import continue_text
from seqnet.commands.stored import StoredRun, load
from seqnet.exporting.run import Decoding, Model, Steps

LETTERS = 200  # that are written
STARTS = 5
DEFAULT = ("debug=quick", "device=cpu", "observers.console=false", "observers.tensorboard=false")
BARE = """
import sys
import torch
from safetensors.torch import load_file
from torch import nn
weights = {name.lstrip("/"): each for name, each in load_file(sys.argv[1]).items()}
vocabulary, width = weights["inputs.main.embedding.weight"].shape
embedding, cell = nn.Embedding(vocabulary, width), nn.LSTMCell(width, weights["head.weight"].shape[1])
head = nn.Linear(cell.hidden_size, vocabulary)
embedding.load_state_dict({"weight": weights["inputs.main.embedding.weight"]})
cell.load_state_dict({name: weights[f"layers.layers.0.cell.{name}"] for name in cell.state_dict()})
head.load_state_dict({name: weights[f"head.{name}"] for name in head.state_dict()})
with torch.inference_mode():
    print(head(cell(embedding(torch.zeros(1, dtype=torch.int64)))[0]).argmax().item())
"""
TOLD = """
import sys, time
print(time.process_time(), next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
"""What a process says of itself at its end: seconds of the processor, and the most memory that it had, in kB."""
RUN = """
import sys
sys.argv = sys.argv[1:]
try:
    exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__name__": "__main__", "__file__": sys.argv[0]})
except SystemExit as ending:
    assert not ending.code
"""
SEQNET = """
import sys
from seqnet import cli
assert cli.answer(sys.argv[1:]) == 0
"""
"""The same first step in torch, without seqnet."""


class Bare(nn.Module):
    """One step of the same model in plain torch."""

    def __init__(self, vocabulary: int, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding, self.cell = nn.Embedding(vocabulary, width), nn.LSTMCell(width, hidden)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, token: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """token: [1]; logits [1 vocab] and the state."""
        state = self.cell(self.embedding(token), state)
        return self.head(state[0]), state


def export() -> list[Pair]:
    """The default experiment, two steps trained: what it is to run does not depend on how good it is."""
    with tempfile.TemporaryDirectory() as folder:
        run, output = Path(folder) / "run", Path(folder) / "exported"
        for command in (["train", f"run_dir={run}", *DEFAULT], ["export", f"run={run}", f"output={output}"]):
            if cli.answer(command):
                raise SystemExit(f"seqnet {command[0]} failed")
        stored = load(run, "best", [], "cpu", "fp32")
        weights = stored.checkpoint.resolve() / "parameters.safetensors"
        return [*_started(run, output, weights), _step(output), _greedy(output, stored)]


def _started(run: Path, output: Path, weights: Path) -> list[Pair]:
    """A process that makes one token, beside seqnet's and one of plain torch: seconds of the processor, and memory."""
    ours = [RUN + TOLD, str(output / "run.py"), "--prompt", "T", "--length", "1", "--decoding", "greedy"]
    others = {
        "seqnet generate": [SEQNET + TOLD, "generate", f"run={run}", "prompt=T", "length=1", "decoding=greedy"],
        "bare torch": [BARE + TOLD, str(weights)],
    }
    threads = torch.get_num_threads()

    def of(name: str, turns: list[tuple[float, float]]) -> Pair:
        one, two = np.median(np.array(turns), axis=0)
        return told(Pair(name, float(one), float(two), tuple(a / b for a, b in turns), threads))

    found = []
    for beside, theirs in others.items():
        turns = [(_process(ours), _process(theirs)) for _ in range(STARTS)]
        found.append(of(f"export: start and one token, beside {beside}", [(a, b) for (a, _), (b, _) in turns]))
        memory = [(a, b) for (_, a), (_, b) in turns]
        found.append(of(f"export: memory at most, in MB and not ms, beside {beside}", memory))
    return found


def _process(arguments: list[str]) -> tuple[float, float]:
    """Milliseconds of the processor that a process of Python took, and the most memory that it had, in MB."""
    done = subprocess.run([sys.executable, "-c", *arguments], capture_output=True, text=True, check=True, timeout=60)
    seconds, kilobytes = done.stdout.split()[-2:]
    return float(seconds) * 1e3, float(kilobytes) / 1e3


def _step(output: Path) -> Pair:
    model = Model(output)
    state = model.said["state"][0]["shape"][0]
    bare = Bare(len(model.writes.names), 64, state).eval()
    steps, token = Steps(model.session("step.onnx"), model.begin(1), []), np.zeros(1, np.int64)
    theirs: Any = (torch.zeros(1, state), torch.zeros(1, state))
    asked = torch.zeros(1, dtype=torch.int64)

    def other() -> None:
        nonlocal theirs
        with torch.inference_mode():
            _, theirs = bare(asked, theirs)

    return pair("export: a step of one row, beside bare torch", lambda: steps(token), other, 8, clock=process_time)


def _greedy(output: Path, stored: StoredRun) -> Pair:
    model, prompt = Model(output), "The "
    tokens = stored.assembly.source.encode(prompt)
    decoding = {"_target_": "seqnet.decoding.greedy.Greedy"}
    greedy = Decoding("greedy")

    def ours() -> str:
        return "".join(model.go_on(prompt, LETTERS, greedy))

    def theirs() -> str:
        (found,) = continue_text(stored.assembly, stored.precision, decoding, tokens, LETTERS, 1)
        return str(stored.assembly.source.decode(torch.tensor(found.ids)))

    if ours() != theirs():
        raise SystemExit("what was exported writes another text")
    return pair(f"export: {LETTERS} letters written greedily, beside seqnet", ours, theirs, 20, clock=process_time)
