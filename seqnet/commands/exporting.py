"""A trained run is exported: its graphs are made, compared with torch, and written with all else that is needed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from seqnet import build
from seqnet.commands.evaluate import split_of
from seqnet.commands.failures import explained
from seqnet.commands.stored import StoredRun, load
from seqnet.commands.writing import Writer, described, greedily, writing_of
from seqnet.errors import ConfigurationError, DataError
from seqnet.exporting.deployed import Deployed
from seqnet.exporting.description import said_of, summary
from seqnet.exporting.folder import made, write
from seqnet.exporting.parity import farthest
from seqnet.exporting.plan import graph, parts
from seqnet.exporting.quantised import quantised
from seqnet.tasks.forecast_scores import NAIVE
from seqnet.terminal import say, warn
from seqnet.training.evaluation import evaluate

Graphs = dict[str, bytes]
SCORED = 40  # batches


def export(run: Path, output: Path, config: dict[str, Any]) -> int:
    """Write the folder `output`, and tell what is in it; the exit code. Raises ConfigurationError."""
    stored = load(run, "best", config["trust"], "cpu", "fp32")
    with explained(stored.config, asked={}):
        before: Graphs | None = None
        lost: list[str] = []
        said = said_of(stored.assembly, described(stored.config["decoding"]))
        graphs, apart, left_out = graphs_of(stored.assembly)
        _check(said["asks"], graphs, left_out)
        for name, reason in left_out.items():
            warn(f"without {name}: {reason}")
        if config["quantize"] is not None:
            warn("quantising, and scoring what comes of it")
            graphs, before = {name: quantised(content) for name, content in graphs.items()}, graphs
            lost = loss_of_score(stored, graphs, config)
        of = {"experiment": stored.config["groups"].get("experiment"), "step": stored.step}
        with made(output) as folder:
            write(folder, said, graphs, left_out, of)
    sizes = {name: f"{len(content) / 1e6:7.2f} MB" for name, content in graphs.items()}
    say(f"{output}: {summary(said, [*graphs, 'model.json', 'vocabularies.json', 'run.py'])}")
    for name, size in sizes.items():
        if before is None:
            say(f"  {name:<13} {size}, at most {apart[name]:.1e} away from torch")
        else:
            say(f"  {name:<13} {size}, before {len(before[name]) / 1e6:.2f} MB")
    for line in lost:
        say(f"  {line}")
    return 0


def graphs_of(assembly: build.Assembly) -> tuple[Graphs, dict[str, float], dict[str, str]]:
    """The graphs, how far each is from torch, and why others could not be made. Raises ConfigurationError."""
    graphs: Graphs = {}
    apart: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for part in parts(assembly):
        warn(f"making {part.file}")
        try:
            graphs[part.file] = graph(part)
        except ConfigurationError as error:
            left_out[part.file] = str(error)
            continue
        apart[part.file] = farthest(part, graphs[part.file])
    return graphs, apart, left_out


def loss_of_score(stored: StoredRun, graphs: Graphs, config: dict[str, Any]) -> list[str]:
    """What scores the run has in torch and by the graphs, on up to so many batches of a held-out split: a line each.

    Raises DataError where the data is not there.
    """
    settings, assembly = stored.config, stored.assembly
    if settings["decoding"].get("replace_unknown"):
        assembly.source.copy_words()
    name, split = _held_out(stored, config)
    settings["debug"]["one_batch"] = False
    loader = build.loader(settings, split, training=False)
    assert loader is not None
    window = settings["training"]["window"]
    found = []
    for model in (assembly.model, Deployed(assembly, graphs)):
        asked = replace(assembly, model=model)
        write = None
        if writing_of(assembly.source) is not None and assembly.task.metrics:
            greedy = greedily(settings["decoding"])
            write = Writer(asked, stored.precision, greedy, settings["seed"], config["trust"]).of_batch
        scores, _ = evaluate(model, assembly.task, loader, stored.precision, window, batches=SCORED, write=write)
        found.append(scores)
    ours, theirs = found
    return [
        f"{name} {key}: {ours[key]:.5g} in torch, {theirs[key]:.5g} quantised"
        for key in ours
        if not key.startswith("baseline_") and not key.endswith(tuple(f"_{each}" for each in NAIVE))  # of no model
    ]


def _held_out(stored: StoredRun, config: dict[str, Any]) -> tuple[str, Any]:
    for name in ("test", "valid"):
        split, _ = split_of(stored, config, name)
        if split is not None:
            return name, split
    raise DataError("quantize=int8 tells what it costs in score, and this run has no held-out data: give data.path=")


def _check(asks: str, graphs: Graphs, left_out: dict[str, str]) -> None:
    """Raises ConfigurationError where what there is answers nothing: what writes does so step by step."""
    needed = {"text": ("encoder.onnx", "step.onnx"), "next": ("step.onnx",)}.get(asks, () if graphs else left_out)
    for name in needed:
        if name in left_out:
            raise ConfigurationError(f"this run cannot be exported: {left_out[name]}")
