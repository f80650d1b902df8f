"""How far back a model remembers: how few steps its answers need to be as good as with all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000  # of the bootstrap
INTERVAL = (2.5, 97.5)  # its percentiles
Floats = NDArray[np.float64]


class Point(NamedTuple):
    """The mean at some number of steps, and where 95 % of bootstrap draws lie."""

    steps: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Memory:
    """How far back a model remembers. steps: None where the most that was tried, or more; so `low` and `high`.

    points: by rising steps; full: the mean with all there is to read, of a memory by lag None.
    """

    steps: int | None
    low: int | None
    high: int | None
    points: Sequence[Point]
    full: float | None = None


def by_context(
    losses: Callable[[int], Floats],
    full: Floats,
    blocks: NDArray[np.int64],
    least: int,
    most: int,
    tolerance: float,
    seed: int = 0,
) -> Memory:
    """The fewest steps of context from which on the mean loss is that of all but for a share of what context is worth.

    losses: of the same positions [n], given so many steps; full: with all there are; the share `tolerance` is of
    the loss at `least` steps less that of all. Tried are the powers of two from `least` to `most`, and then the steps
    between two of them one by one. Where context is worth nothing, `least` are enough. The interval is that of a
    bootstrap over `blocks` [n] of positions that are not independent.
    """
    found: dict[int, Floats] = {}

    def needed() -> int | None:
        tried = sorted(found)
        means = np.array([[*(found[steps].mean() for steps in tried), full.mean()]])
        return _as_steps(_first_enough(means, tried, tolerance)[0])

    for tried_first in _doubling(least, most):
        found[tried_first] = losses(tried_first)
    while (steps := needed()) is not None:
        below = max((each for each in found if each < steps), default=steps)
        if steps - below < 2:
            break
        found[(below + steps) // 2] = losses((below + steps) // 2)
    tried = sorted(found)
    drawn = _draws(np.stack([*(found[each] for each in tried), full]), blocks, seed)
    low, high = np.percentile(_first_enough(drawn, tried, tolerance), INTERVAL, method="nearest")
    points = [_point(each, found[each], drawn[:, place]) for place, each in enumerate(tried)]
    return Memory(needed(), _as_steps(low), _as_steps(high), points, float(full.mean()))


def by_lag(right: dict[int, Floats], enough: float, seed: int = 0) -> Memory:
    """The longest lag up to which the mean of what is right is `enough` at every lag; 0: at none, None: at all.

    right: by lag, the share of each row [rows] that is right. The interval is that of a bootstrap over rows.
    """
    lags = sorted(right)
    drawn = np.stack([_draws(right[lag][None], np.arange(len(right[lag])), seed + lag)[:, 0] for lag in lags], axis=1)
    reached = _last_enough(drawn, lags, enough)
    low, high = np.percentile(reached, INTERVAL, method="nearest")
    means = np.array([[right[lag].mean() for lag in lags]])
    points = [_point(lag, right[lag], drawn[:, place]) for place, lag in enumerate(lags)]
    steps = _last_enough(means, lags, enough)[0]
    return Memory(_as_steps(steps), _as_steps(low), _as_steps(high), points)


def _doubling(least: int, most: int) -> list[int]:
    """`least`, and the powers of two above it, and `most`."""
    powers = [2**power for power in range(most.bit_length()) if least < 2**power < most]
    return [least, *powers, *([most] if most > least else [])]


def _first_enough(means: Floats, tried: Sequence[int], tolerance: float) -> Floats:
    """Of each draw [draws tried+1], the last of which is of all steps: the first steps from which on all are enough."""
    worth = np.maximum(means[:, :1] - means[:, -1:], 0)
    enough = (means[:, :-1] - means[:, -1:] <= tolerance * worth) | (worth == 0)
    from_here = np.flip(np.logical_and.accumulate(np.flip(enough, axis=1), axis=1), axis=1)
    first = np.where(from_here.any(axis=1), from_here.argmax(axis=1), len(tried))
    steps: Floats = np.array([*tried, np.inf])[first]
    return steps


def _last_enough(means: Floats, lags: Sequence[int], enough: float) -> Floats:
    """Of each draw [draws lags]: the lag up to which all are enough, 0 where none is, inf where all are."""
    count = np.logical_and.accumulate(means >= enough, axis=1).sum(axis=1)
    reached: Floats = np.array([0.0, *lags[:-1], np.inf])[count]
    return reached


def _draws(values: Floats, blocks: NDArray[np.int64], seed: int) -> Floats:
    """Means of values [kinds n] over blocks [n] drawn with replacement, as many as there are: [draws kinds]."""
    _, of = np.unique(blocks, return_inverse=True)
    count = int(of.max()) + 1
    sizes = np.bincount(of, minlength=count).astype(float)
    sums = np.stack([np.bincount(of, weights=row, minlength=count) for row in values])
    random = np.random.default_rng(seed)
    times = random.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)
    means: Floats = (times @ sums.T) / (times @ sizes)[:, None]
    return means


def _point(steps: int, values: Floats, drawn: Floats) -> Point:
    low, high = np.percentile(drawn, INTERVAL)
    return Point(steps, float(values.mean()), float(low), float(high))


def _as_steps(found: float) -> int | None:
    return int(found) if np.isfinite(found) else None
