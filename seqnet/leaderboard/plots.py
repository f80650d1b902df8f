"""What a sweep found, as two pictures: which values led to which score, and how the best score came about."""

import itertools
import math
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

from PIL import Image

from seqnet.errors import ConfigurationError
from seqnet.leaderboard.jobs import PRUNED, Job
from seqnet.leaderboard.repeats import Combination
from seqnet.leaderboard.table import ranked, varied
from seqnet.observers.plots import plot
from seqnet.scores import LOWER_IS_BETTER

BEST, DONE, GIVEN_UP = "#0072b2", "#5a5a5a", "#d55e00"  # of Okabe and Ito: all can tell them apart
COLOURS = "viridis"  # from dark to bright, also where it is printed in grey
MOST_AXES, FEW, LONG = 10, 6, 14  # keys, values that are all named on an axis, letters of a name
WIDE, CROWDED = 8.0, 0.3  # the greatest by the smallest value of an axis that is logarithmic, and where its middle lies
SPREAD = 0.05  # of an axis, by which jobs of one value lie apart


class Axis(NamedTuple):
    """Where on a vertical axis, from 0 to 1, each job stands, and what is written beside it."""

    name: str
    places: list[float | None]
    ticks: list[tuple[float, str]]


def parallel_coordinates(found: Sequence[Job], name: str) -> Image.Image | None:
    """A line a job, through its values to its score, by which it is coloured; dashed where it has none.

    None where all have the same values. Raises ConfigurationError where none has a score, or matplotlib is missing.
    """
    scored, monitor = _of_one_monitor(found, name)
    keys = varied(found)[:MOST_AXES]
    if not keys:
        return None
    without = [job for job in found if job.score is None or job.score != job.score]
    shown = [*without, *reversed(scored)]  # the best lies on top
    axes = [_axis(key, [job.overrides.get(key) for job in shown]) for key in keys]
    scores = [None if job in without else job.score for job in shown]
    axes.append(_numbers(_score_name(scored, monitor), scores, _is_far_apart(scored, monitor)))
    best = min(place for place in axes[-1].places if place is not None)
    worst = max(place for place in axes[-1].places if place is not None)
    if monitor not in LOWER_IS_BETTER:
        best, worst = worst, best
    with plot((max(6.0, 1.7 * len(axes) + 1), 4.6)) as drawn:
        from matplotlib import colormaps

        for number, job in enumerate(shown):
            places = [axis.places[number] for axis in axes]
            x = [at for at, place in enumerate(places) if place is not None]
            y = [place for place in places if place is not None]
            if job in without:
                drawn.axes.plot(x, y, color="#999999", linewidth=1, linestyle=(0, (3, 3)), zorder=1)
                continue
            share = 0.0 if best == worst else abs((places[-1] or 0.0) - best) / abs(worst - best)
            first = job is scored[0]
            style = {"linewidth": 3.2, "zorder": 5} if first else {"linewidth": 1.4, "alpha": 0.8, "zorder": 2}
            drawn.axes.plot(x, y, color=colormaps[COLOURS](0.92 * share), solid_capstyle="round", **style)
        for at, axis in enumerate(axes):
            _draw_axis(drawn.axes, at, axis, last=at == len(axes) - 1)
        drawn.axes.set_axis_off()
        drawn.axes.set_xlim(-0.35, len(axes) - 0.5)
        drawn.axes.set_ylim(-0.06, 1.16)
        drawn.axes.set_title(_title(name, scored, len(without)), fontsize=9)
    return drawn.picture


def best_so_far(found: Sequence[Job], name: str) -> Image.Image:
    """The score of each job that has ended, in order of time, and the best until then.

    Raises ConfigurationError where none has, or matplotlib is missing.
    """
    scored, monitor = _of_one_monitor([job for job in found if job.ranks], name)
    ended = sorted(scored, key=lambda job: (job.ended or math.inf, job.name))
    scores = [job.score for job in ended if job.score is not None]
    pick = min if monitor in LOWER_IS_BETTER else max
    best = list(itertools.accumulate(scores, pick))
    with plot((8.0, 4.2)) as drawn:
        axes, numbers = drawn.axes, range(1, len(ended) + 1)
        axes.step(numbers, best, where="post", color=BEST, linewidth=2, label="best so far", zorder=2)
        for label, colour, marker, given_up in (("done", DONE, "o", False), ("pruned", GIVEN_UP, "x", True)):
            of_kind = [number for number, job in enumerate(ended, 1) if (job.status == PRUNED) == given_up]
            values = [scores[number - 1] for number in of_kind]
            if of_kind:
                axes.scatter(of_kind, values, color=colour, marker=marker, s=26, label=label, zorder=3)
        if _is_far_apart(scored, monitor):
            axes.set_yscale("log")
            marks = _marks(min(scores), max(scores), wide=True)
            axes.set_yticks(marks, [f"{mark:.4g}" for mark in marks])  # matplotlib's own need fonts of formulas
            axes.minorticks_off()
        first = ended.index(scored[0]) + 1
        axes.scatter([first], [scored[0].score], s=110, facecolors="none", edgecolors=BEST, linewidths=1.6, zorder=4)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("combinations, as they ended" if isinstance(ended[0], Combination) else "jobs, as they ended")
        axes.set_ylabel(_score_name(scored, monitor))
        axes.set_title(_title(name, scored, 0), fontsize=9)
        axes.grid(axis="y", color="#e5e5e5", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.legend(frameon=False)
    return drawn.picture


def _of_one_monitor(found: Sequence[Job], name: str) -> tuple[list[Job], str]:
    """Those whose score is of one kind, the best first, and its name. Raises ConfigurationError where there is none."""
    scored = [job for job in ranked(found) if job.score is not None and math.isfinite(job.score)]
    if not scored:
        raise ConfigurationError(f"{name} holds no run with a score yet, so there is nothing to plot")
    monitors = [str(job.monitor) for job in scored]
    monitor = max(dict.fromkeys(monitors), key=monitors.count)
    return [job for job in scored if str(job.monitor) == monitor], monitor


def _axis(name: str, values: Sequence[str | None]) -> Axis:
    """An axis of what was typed: of numbers, or else of names."""
    try:
        numbers = [None if value is None else float(value) for value in values]
        return _numbers(name, numbers, _are_of_several_sizes([number for number in numbers if number is not None]))
    except ValueError:
        pass
    names = sorted({value for value in values if value is not None})
    ticks = {value: (number + 0.5) / len(names) for number, value in enumerate(names)}
    places = [None if value is None else ticks[value] for value in values]
    return Axis(name, _apart(places), [(place, _cut(value)) for value, place in ticks.items()])


def _numbers(name: str, values: Sequence[float | None], wide: bool) -> Axis:
    """An axis of numbers. wide: a logarithmic one. Raises ValueError for a number that is not finite."""
    there = sorted({value for value in values if value is not None})
    if not all(map(math.isfinite, there)):
        raise ValueError("an axis has an end")
    bend = math.log10 if wide else float
    low, high = (bend(there[0]), bend(there[-1])) if there else (0.0, 1.0)

    def place(value: float) -> float:
        return 0.5 if low == high else (bend(value) - low) / (high - low)

    places = [None if value is None else place(value) for value in values]
    few = len(there) <= FEW
    marks = there if few else _marks(there[0], there[-1], wide)
    ticks = [(place(value), f"{value:.4g}") for value in marks]
    return Axis(name, _apart(places) if few else places, ticks)


def _marks(low: float, high: float, wide: bool) -> list[float]:
    """Round numbers between two."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    locator: Any = LogLocator(subs=(1.0,) if high > 1000 * low else (1.0, 2.0, 5.0)) if wide else MaxNLocator(6)
    found = [float(value) for value in locator.tick_values(low, high) if low <= value <= high]
    return found if len(found) > 1 else [low, high]


def _is_far_apart(scored: Sequence[Job], monitor: str) -> bool:
    """Whether the best of losses is so small that it would lie on the end of the axis, or others so large."""
    scores = [job.score for job in scored if job.score is not None]
    return monitor in LOWER_IS_BETTER and min(scores) > 0 and max(scores) >= WIDE * min(scores)


def _are_of_several_sizes(values: Sequence[float]) -> bool:
    """Whether most of the numbers lie where the axis would begin if it were not logarithmic."""
    if not values or min(values) <= 0 or max(values) < WIDE * min(values):
        return False
    return median(values) - min(values) < CROWDED * (max(values) - min(values))


def _apart(places: Sequence[float | None]) -> list[float | None]:
    """The same, of equal ones each a little apart: lines that lie on each other cannot be followed."""
    found: list[float | None] = list(places)
    for value in {place for place in places if place is not None}:
        equal = [number for number, place in enumerate(places) if place == value]
        for rank, number in enumerate(equal):
            found[number] = value + SPREAD * (rank / (len(equal) - 1) - 0.5) if len(equal) > 1 else value
    return found


def _draw_axis(axes: Any, at: int, axis: Axis, last: bool) -> None:
    """A vertical line, its marks, and its name above."""
    axes.plot([at, at], [-0.03, 1.03], color="black", linewidth=1, zorder=6)
    for place, text in axis.ticks:
        axes.plot([at, at + 0.03], [place, place], color="black", linewidth=1, zorder=6)
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
        axes.text(at + 0.05, place, text, fontsize=8, va="center", zorder=7, bbox=box)
    axes.text(at, 1.08, axis.name, fontsize=9, ha="center", va="bottom", fontweight="bold" if last else "normal")


def _score_name(scored: Sequence[Job], monitor: str) -> str:
    return f"valid {monitor}{' (mean)' if isinstance(scored[0], Combination) else ''}"


def _title(name: str, scored: Sequence[Job], without: int) -> str:
    """What is best, and how many have no score."""
    keys = [key for key in varied(scored) if key in scored[0].overrides][:FEW]
    values = " ".join(f"{key}={_cut(scored[0].overrides[key])}" for key in keys)
    dashed = f" (dashed: {without} without a score)" if without else ""
    return f"{_short(name, 60)}{dashed}\nbest: {scored[0].score:.4g}{f' ({values})' if values else ''}"


def _cut(text: str) -> str:
    """A value that is not too long, a drawn number with four digits."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return _short(text, LONG)


def _short(text: str, most: int) -> str:
    """A text that is not too long, without matplotlib's signs."""
    return (text if len(text) <= most else f"{text[: most - 1]}…").replace("$", r"\$")
