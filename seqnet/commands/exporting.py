"""A trained run is exported: its graphs are made, compared with torch, and written with all else that is needed."""

from pathlib import Path
from typing import Any

from seqnet.commands.failures import explained
from seqnet.commands.stored import StoredRun, load
from seqnet.commands.writing import described
from seqnet.errors import ConfigurationError
from seqnet.exporting.description import said_of, summary
from seqnet.exporting.folder import made, write
from seqnet.exporting.graphs import graph_of
from seqnet.exporting.parity import farthest
from seqnet.exporting.plan import Part, example, parts
from seqnet.terminal import say, warn

Graphs = dict[str, bytes]


def export(run: Path, output: Path, config: dict[str, Any]) -> int:
    """Write the folder `output`, and tell what is in it; the exit code. Raises ConfigurationError."""
    stored = load(run, "best", config["trust"], "cpu", "fp32")
    with explained(stored.config, asked={}):
        decoding = described(stored.config["decoding"])
        said = said_of(stored.assembly, {"name": decoding.pop("name"), **decoding})
        graphs, apart, left_out = _graphs(stored, said["asks"])
        of = {"experiment": stored.config["groups"].get("experiment"), "step": stored.step}
        with made(output) as folder:
            write(folder, said, graphs, left_out, of)
    say(f"{output}: {summary(said, [*graphs, 'model.json', 'vocabularies.json', 'run.py'])}")
    for name, content in graphs.items():
        say(f"  {name:<13} {len(content) / 1e6:7.2f} MB, at most {apart[name]:.1e} away from torch")
    return 0


def _graphs(stored: StoredRun, asks: str) -> tuple[Graphs, dict[str, float], dict[str, str]]:
    """The graphs, how far each is from torch, and why others could not be made. Raises ConfigurationError."""
    graphs: Graphs = {}
    apart: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for part in parts(stored.assembly):
        warn(f"making {part.file}")
        try:
            graphs[part.file] = _graph(part)
        except ConfigurationError as error:
            left_out[part.file] = str(error)
            continue
        apart[part.file] = farthest(part, graphs[part.file])
    _check(asks, graphs, left_out)
    for name, reason in left_out.items():
        warn(f"without {name}: {reason}")
    return graphs, apart, left_out


def _graph(part: Part) -> bytes:
    dimensions = part.dimensions()
    return graph_of(part.exported(), example(part), dimensions, part.names)


def _check(asks: str, graphs: Graphs, left_out: dict[str, str]) -> None:
    """Raises ConfigurationError where what there is answers nothing: what writes does so step by step."""
    needed = {"text": ("encoder.onnx", "step.onnx"), "next": ("step.onnx",)}.get(asks, () if graphs else left_out)
    for name in needed:
        if name in left_out:
            raise ConfigurationError(f"this run cannot be exported: {left_out[name]}")
