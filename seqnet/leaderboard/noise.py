"""Which differences between means over a few seeds are within noise: Student's t-test, and Holm's correction."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

CHANCE = 0.05  # that any difference is said to be no noise where all are
MOST = 1e60  # of a score


def of_difference(one: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """How probable such a difference of two means is where there is none; None where there are too few scores.

    one, other: seed -> score. Scores of the same seeds are compared seed by seed (the paired t-test), where there are
    two such seeds; otherwise as samples of different variance (Welch's, its degrees of freedom rounded down).
    """
    if not _all_usable([*one.values(), *other.values()]):
        return None
    seeds = one.keys() & other.keys()
    if len(seeds) >= 2:
        differences = [one[seed] - other[seed] for seed in seeds]
        return _of_mean(fmean(differences), deviation(differences) ** 2 / len(seeds), len(seeds) - 1)
    if len(one) < 2 or len(other) < 2:
        return None
    errors = [deviation(list(scores.values())) ** 2 / len(scores) for scores in (one, other)]
    error = sum(errors)
    weighted = sum(part**2 / (len(scores) - 1) for part, scores in zip(errors, (one, other), strict=True))
    freedom = max(int(error**2 / weighted), 1) if weighted else 1
    return _of_mean(fmean(one.values()) - fmean(other.values()), error, freedom)


def _of_mean(found: float, variance: float, freedom: int) -> float:
    """How probable a mean as far from 0 as this is. variance: of that mean."""
    if not variance:
        return float(not found)
    return of_t(found / math.sqrt(variance), freedom)


def mean(numbers: Sequence[float]) -> float:
    """The mean; NaN where there is a number to compute nothing with."""
    return fmean(numbers) if _all_usable(numbers) else math.nan


def deviation(numbers: Sequence[float]) -> float:
    """The standard deviation, with n - 1 in the denominator; NaN where there is a number to compute nothing with."""
    return stdev(numbers) if _all_usable(numbers) else math.nan


def _all_usable(numbers: Iterable[float]) -> bool:
    """Whether all are finite, and so are powers of them."""
    return all(abs(number) < MOST for number in numbers)


def of_t(t: float, freedom: int) -> float:
    """How probable a value of Student's t as far from 0 as this is: finite sums (Abramowitz & Stegun 26.7.3-4)."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term, total = (math.cos(angle), 0.0) if odd else (1.0, 0.0)
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= step / (step + 1) * math.cos(angle) ** 2
    total *= math.sin(angle)
    inside = 2 / math.pi * (angle + total) if odd else total
    return min(max(1 - abs(inside), 0.0), 1.0)


def corrected(chances: Sequence[float]) -> list[float]:
    """The same where so many differences were looked at (Holm 1979), in their order."""
    order = sorted(range(len(chances)), key=lambda place: chances[place])
    found, least = [0.0] * len(chances), 0.0
    for tried, place in enumerate(order):
        least = max(least, min(1.0, (len(chances) - tried) * chances[place]))
        found[place] = least
    return found
