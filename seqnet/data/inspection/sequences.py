"""Whether the rows of a table make sequences: the readings of a store by the hour, the steps of an episode."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from seqnet.data.grouping import in_order
from seqnet.data.inspection.columns import Guess
from seqnet.data.inspection.survey import Survey

STEPS = ("step", "steps", "t", "time", "timestep", "time_step", "frame", "tick", "hour", "day", "week", "month", "year")
SHORTEST = 4  # rows of a sequence, on the average
EVEN = 0.8  # of the distances between rows are alike
DOUBLED = 0.01  # of the rows may stand where another stands, by mistake
SEASONS = {  # rows that a season has, by the seconds between rows
    60: 60,
    3600: 24,
    86_400: 7,
    7 * 86_400: 52,
    30 * 86_400: 12,
    91 * 86_400: 4,
}


@dataclass(frozen=True)
class Sequences:
    """Rows that make sequences.

    rows: of each, by place in the sample, in order. season: rows of one, if known. doubled: rows that were left out,
    since another stands at their place.
    """

    group: Guess | None
    order: Guess
    rows: list[list[int]]
    season: int | None
    doubled: int = 0

    @property
    def shortest(self) -> int:
        """Rows of the shortest one."""
        return min(map(len, self.rows))

    @property
    def longest(self) -> int:
        """Rows of the longest one."""
        return max(map(len, self.rows))

    def stays(self, values: Sequence[Any]) -> bool:
        """Whether a column says the same in all rows of a sequence."""
        return all(len({values[row] for row in rows}) == 1 for rows in self.rows)

    def trend(self, values: Sequence[Any]) -> str | None:
        """Why a series is to be scaled by its window: it has a trend, or sequences are of very different size."""
        strong, levels = [], []
        for rows in self.rows:
            found = np.array([_number(values[row]) for row in rows])
            found = found[np.isfinite(found)]
            if len(found) < SHORTEST or found.std() == 0:
                continue
            strong.append(abs(np.corrcoef(np.arange(len(found)), found)[0, 1]))
            levels.append(abs(found.mean()) + found.std())
        if strong and np.median(strong) > 0.6:
            return "it has a trend"
        if len(levels) > 1 and max(levels) > 10 * min(levels):
            return "sequences differ in size by more than 10"
        return None


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def sequences(survey: Survey, guesses: Sequence[Guess]) -> Sequences | None:
    """How the rows make sequences; None where they do not seem to."""
    if any(
        guess.type in ("text", "image", "audio", "frames") and guess.options.get("level") != "characters"
        for guess in guesses
    ):
        return None
    orders = [guess for guess in guesses if guess.role == "order"]
    orders += [
        guess for guess in guesses if guess.name.lower() in STEPS and guess not in orders and guess.profile.numbers
    ]
    groups = [guess for guess in guesses if guess.type == "label" or guess.role == "id" or _repeats(guess)]
    for order in orders:
        values = survey.sample.get(order.name, [])
        for group in (None, *(each for each in groups if each is not order)):
            found = _grouped(values, None if group is None else survey.sample[group.name], order.role == "order")
            if found is not None:
                return Sequences(group, order, *found)
    return None


def _repeats(guess: Guess) -> bool:
    profile = guess.profile
    return profile.whole == profile.present > 0 and profile.distinct <= profile.present / SHORTEST


def _grouped(
    values: Sequence[Any], keys: Sequence[Any] | None, timed: bool
) -> tuple[list[list[int]], int | None, int] | None:
    """The rows of each group in order, the season, and how many were left out since another stands at their place.

    None where they stand at uneven distances, or more than a few at one.
    """
    if not values or any(value is None for value in values):
        return None
    sortable = in_order(values)
    if isinstance(sortable[0], str):
        return None
    found: dict[Any, list[int]] = {}
    for row in range(len(values)):
        found.setdefault(None if keys is None else keys[row], []).append(row)
    if len(found) > len(values) / SHORTEST:
        return None
    distances = []
    for key, members in found.items():
        members.sort(key=sortable.__getitem__)
        rows = members[:1] + [row for before, row in pairwise(members) if sortable[row] != sortable[before]]
        found[key] = rows
        distances += [_seconds(sortable[after] - sortable[row]) for row, after in pairwise(rows)]
    doubled = len(values) - sum(map(len, found.values()))
    if not distances or doubled > DOUBLED * len(values):
        return None
    usual = float(np.median(distances))
    if np.mean(np.abs(np.array(distances) - usual) <= 0.11 * usual) < EVEN:
        return None
    season = min(SEASONS, key=lambda seconds: abs(seconds / usual - 1)) if timed else None
    fits = season is not None and abs(season / usual - 1) < 0.11
    return list(found.values()), SEASONS[season] if fits and season is not None else None, doubled


def _seconds(distance: Any) -> float:
    return distance.total_seconds() if isinstance(distance, timedelta) else float(distance)
