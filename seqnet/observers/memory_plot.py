"""A plot of how far back a model remembers: what it needs, or bridges, against how many steps."""

from collections.abc import Sequence
from typing import Protocol

from PIL import Image

from seqnet.observers.plots import plot

BLUE, RED = "#225ea8", "#d73027"


class Point(Protocol):
    """A mean at some number of steps, and its interval."""

    @property
    def steps(self) -> int: ...
    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class Memory(Protocol):
    """How far back a model remembers, None where that is the last point or more; full: the mean with all there is."""

    @property
    def steps(self) -> int | None: ...
    @property
    def low(self) -> int | None: ...
    @property
    def high(self) -> int | None: ...
    @property
    def points(self) -> Sequence[Point]: ...
    @property
    def full(self) -> float | None: ...


def draw(memory: Memory, what: str, by: str) -> Image.Image:
    """`what` against `by`, with intervals of 95 %, and the memory with its own. Raises ConfigurationError."""
    points = memory.points
    steps = [point.steps for point in points]
    last = steps[-1]
    with plot() as drawn:
        axes = drawn.axes
        axes.fill_between(steps, [p.low for p in points], [p.high for p in points], color=BLUE, alpha=0.2)
        axes.plot(steps, [point.mean for point in points], marker="o", markersize=4, color=BLUE, label=what)
        if memory.full is not None:
            axes.axhline(memory.full, color="grey", linestyle="--", linewidth=1, label="with all there is to read")
        if memory.steps is None:
            axes.set_title(f"memory: {last} steps or more")
        else:
            low, high = (last if bound is None else bound for bound in (memory.low, memory.high))
            more = " or more" if memory.high is None else ""
            axes.axvspan(low, high, color=RED, alpha=0.12)
            axes.axvline(memory.steps, color=RED, linewidth=1.5, label="memory")
            axes.set_title(f"memory: {memory.steps} steps (95 %: {low} to {high}{more})")
        axes.set_xscale("symlog", linthresh=1, base=2)
        axes.set_xticks(steps, [str(each) for each in steps])
        axes.minorticks_off()
        axes.set_xlim(steps[0] - 0.2 if steps[0] < 2 else steps[0] / 1.1, last * 1.1)
        axes.set_xlabel(f"{by} (steps)")
        axes.set_ylabel(what)
        axes.legend(frameon=False)
    return drawn.picture
