"""Parts of a time stamp: the hour, the day of the week, the month, ..."""

import calendar
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from seqnet.data.fields.field import Block, Raw
from seqnet.data.fields.options import chosen, no_effect
from seqnet.data.fields.raw import Unusable, each, items, missing, told
from seqnet.errors import DataError
from seqnet.kinds import AHEAD, Axis, Item, Kind
from seqnet.specs import Spec, Tokens, Vector


class Part(NamedTuple):
    """A part of a time stamp: its names in order, and how far a moment is through its round, from 0 to below 1."""

    names: tuple[str, ...]
    number: Callable[[datetime], int]  # which name it is
    share: Callable[[datetime], float]


def _of_day(moment: datetime) -> float:
    return (moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(days=1)


def _of_month(moment: datetime) -> float:
    return (moment.day - 1 + _of_day(moment)) / calendar.monthrange(moment.year, moment.month)[1]


def _of_year(moment: datetime) -> float:
    days = 366 if calendar.isleap(moment.year) else 365
    return (moment.timetuple().tm_yday - 1 + _of_day(moment)) / days


def _counted(first: int, last: int) -> tuple[str, ...]:
    return tuple(map(str, range(first, last + 1)))


PARTS = {
    "minute": Part(_counted(0, 59), lambda moment: moment.minute, lambda moment: _of_day(moment) * 24 % 1),
    "hour": Part(_counted(0, 23), lambda moment: moment.hour, _of_day),
    "weekday": Part(
        tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
        lambda moment: moment.weekday(),
        lambda moment: (moment.weekday() + _of_day(moment)) / 7,
    ),
    "day": Part(_counted(1, 31), lambda moment: moment.day - 1, _of_month),
    "month": Part(_counted(1, 12), lambda moment: moment.month - 1, _of_year),
    "yearday": Part(_counted(1, 366), lambda moment: moment.timetuple().tm_yday - 1, _of_year),
}


class TimeField:
    """A part of a time stamp, of a row or at each step; it learns nothing, and is known ahead.

    Stamps are ISO 8601 (`2024-05-31 13:00`), or as `pattern` says in the letters of strptime; numbers are seconds since
    1970 in UTC. part: minute, hour, weekday, day, month or yearday. form: label, or cycle: sine and cosine of how far
    the moment is through the hour, day, week, month or year that the part goes round with. axis: row or step. Raises
    ConfigurationError.
    """

    opens_files: ClassVar[bool] = False

    def __init__(
        self,
        part: Literal["minute", "hour", "weekday", "day", "month", "yearday"] = "hour",
        form: Literal["label", "cycle"] = "cycle",
        axis: Literal["row", "step"] = "step",
        pattern: str | None = None,
    ) -> None:
        chosen("part", part, tuple(PARTS))
        chosen("form", form, ("label", "cycle"))
        chosen("axis", axis, ("row", "step"))
        if part == "yearday" and form == "cycle":
            raise no_effect("part", part, "beside part=month with form=cycle: both go round with the year")
        self._part, self._cycle, self._axis, self._pattern = PARTS[part], form == "cycle", Axis(axis), pattern

    @property
    def kind(self) -> Kind:
        """A label, or two numbers."""
        return Kind(Item.NUMBER if self._cycle else Item.LABEL, self._axis, frozenset({AHEAD}))

    def _moments(self, value: Raw) -> list[datetime]:
        if self._axis is Axis.ROW:
            return [self._moment(value)]
        found = items([value] if isinstance(value, str) else value, None)
        if not found:
            raise Unusable("there are no time stamps")
        return list(map(self._moment, found))

    def _moment(self, value: Raw) -> datetime:
        if isinstance(value, np.datetime64):
            value = value.astype("datetime64[us]").item()
        if missing(value):
            raise Unusable("a time stamp is missing")
        try:
            if isinstance(value, datetime):
                return value
            if isinstance(value, date):
                return datetime(value.year, value.month, value.day)
            if isinstance(value, int | float | np.number) and not isinstance(value, bool):
                return datetime.fromtimestamp(float(value), UTC)
            if isinstance(value, str):
                text = value.strip()
                return datetime.strptime(text, self._pattern) if self._pattern else datetime.fromisoformat(text)
        except (ValueError, OverflowError, OSError):
            pass
        wanted = f"the pattern {self._pattern}" if self._pattern else "2024-05-31 13:00"
        raise Unusable(f"{told(value)} is not a time stamp such as {wanted}")

    def observe(self, values: Sequence[Raw]) -> None:
        """Look whether they can be read. Raises BadValues."""
        each(values, self._moments)

    def join(self, other: "TimeField") -> None:
        """Nothing is learned."""

    def learned(self) -> Spec:
        """The part's names, or sine and cosine."""
        return Vector(2, ("sine", "cosine")) if self._cycle else Tokens(self._part.names)

    def encode(self, values: Sequence[Raw]) -> Block:
        """The number of each moment's label, or sine and cosine [total 2] float32. Raises BadValues."""
        rows = each(values, self._moments)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        if not self._cycle:
            return Block(np.array([self._part.number(moment) for row in rows for moment in row], np.int16), lengths)
        angles = 2 * math.pi * np.array([self._part.share(moment) for row in rows for moment in row])
        return Block(np.stack([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32), lengths)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return {
            "kind": "moments",
            "part": next(name for name, part in PARTS.items() if part is self._part),
            "form": "cycle" if self._cycle else "label",
            "names": list(self._part.names),
            "axis": "row" if self._axis is Axis.ROW else "step",
            "pattern": self._pattern,
        }

    def decode(self, entry: Any) -> Any:
        """The part's name, or those of a row; of a cycle, how far through its round, from 0 to below 1."""
        found = np.asarray(entry)
        if self._cycle:
            shares = np.arctan2(found[..., 0], found[..., 1]) / (2 * math.pi) % 1
            return np.round(shares, 6).tolist() if self._axis is Axis.STEP else round(float(shares.reshape(-1)[0]), 6)
        names = [self._part.names[number] for number in found.reshape(-1).tolist()]
        return names[0] if found.ndim == 0 or self._axis is Axis.ROW else names

    def state(self) -> None:
        """Nothing is learned."""

    def restore(self, state: Any) -> None:
        """Take nothing back. Raises DataError where there is something."""
        if state is not None:
            raise DataError("the stored data state holds something for a field of time stamps, which learns nothing")
