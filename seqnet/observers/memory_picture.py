"""The memory panel as a picture: the norm of the gradient against the lag, a plot for each recurrent layer."""

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqnet.observers.memory_report import percent

CURVES = 5  # of as many steps, the first and the last among them
LAYERS = 8  # that are drawn
WIDTH = 7.0  # inches, of a plot
Row = Mapping[str, Any]
"""A line of memory.jsonl."""


def draw(rows: Sequence[Row]) -> bytes:
    """A PNG file of the layers of the last row, and how each came to be what it is: light is early, dark is late."""
    last = rows[-1]
    names = list(last["layers"])[:LAYERS]
    columns = min(2, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(WIDTH * columns, 1.0 + 4.2 * lines), layout="constrained")
    said = last["verdict"]
    if len(last["layers"]) > LAYERS:
        said += f" (the first {LAYERS} of {len(last['layers'])} layers are drawn)"
    figure.suptitle(textwrap.fill(said, 85 * columns), fontsize=10)
    grid = figure.subplots(lines, columns, squeeze=False).flatten()
    for place, axes in zip(names, grid, strict=False):
        _layer(axes, place, [row for row in _chosen(rows) if place in row["layers"]])
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    return as_png(figure)


def curve(axes: Axes, norms: Sequence[float | None], **style: Any) -> None:
    """The norms for the lags 0, 1, ..., on a logarithmic scale; one that is 0 or overflowed is a gap."""
    axes.plot([math.nan if value is None or value <= 0 else value for value in norms], **style)
    axes.set_yscale("log")
    axes.set_xlabel("lag k (steps back)")
    axes.set_ylabel("norm of dL(t) / dh(t-k)")
    axes.grid(True, alpha=0.3)


def as_png(figure: Figure) -> bytes:
    """The figure as a PNG file, which is the same each time."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    return file.getvalue()


def _chosen(rows: Sequence[Row]) -> list[Row]:
    """Of many rows a few, evenly, the first and the last among them."""
    most = min(CURVES, len(rows))
    return [rows[round(number * (len(rows) - 1) / max(1, most - 1))] for number in range(most)]


def _layer(axes: Axes, name: str, rows: Sequence[Row]) -> None:
    shades = colormaps["viridis_r"]
    for number, row in enumerate(rows):
        layer, latest = row["layers"][name], number == len(rows) - 1
        shade = shades(0.15 + 0.85 * number / max(1, len(rows) - 1)) if len(rows) > 1 else shades(1.0)
        for part, norms in layer["gradient"].items():
            if part == "hidden" or latest:
                style = "-" if part == "hidden" else "--"
                label = f"step {row['step']:,}" if part == "hidden" else f"dc in place of dh, step {row['step']:,}"
                curve(axes, norms, color=shade, linestyle=style, label=label)
    last = rows[-1]
    if last["window"] is not None and last["layers"][name]["windowed"]:
        axes.axvline(last["window"], color="tab:red", linestyle=":", label=f"training.window={last['window']}")
    axes.set_title(f"{name}: {last['layers'][name]['cell']}", loc="left", fontsize=11)
    axes.legend(fontsize=8)
    said = f"{percent(last['clipped_share'])} of steps clipped"
    axes.annotate(
        textwrap.fill(" · ".join([*_facts(last["layers"][name]), said]), 95),
        (0, 0),
        (0, -38),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8,
        va="top",
    )


def _facts(layer: Row) -> list[str]:
    """What is told of a layer beside its curve."""
    facts = []
    if layer["half_life"] is not None:
        median, longest = layer["half_life"]
        facts.append(f"half-life {_steps(median)} steps (longest {_steps(longest)})")
    if layer["spectral_radius"] is not None:
        facts.append(f"spectral radius {layer['spectral_radius']:.3f}")
    for gate, (shut, is_open) in layer["saturation"].items():
        facts.append(f"{gate} gate {percent(shut)} shut, {percent(is_open)} open")
    return [*facts, *layer["missing"]]


def _steps(count: float) -> str:
    """A number of steps in three digits, or whole."""
    return f"{count:,.0f}" if count >= 100 else f"{count:.3g}"
