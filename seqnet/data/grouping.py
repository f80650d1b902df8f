"""Rows of a table that together are one sequence: the days of a store, the steps of an episode."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from operator import index
from typing import Any, Literal

from seqnet.data.fields.raw import missing, told
from seqnet.data.formats.format import Column
from seqnet.errors import ConfigurationError
from seqnet.options import Column as ColumnName
from seqnet.options import Steps

Cut = tuple[float, float]  # shares of the rows that are train, and train or valid


@dataclass(frozen=True)
class Sequence_:
    """The rows of a group in their order. asked_from: the first that is asked for; those before are read only."""

    rows: Sequence[int]
    asked_from: int = 0


@dataclass(frozen=True)
class Grouping:
    """How the rows of a table make sequences.

    group: the column whose value rows of one sequence share; None = all rows are one. order: the column that they are
    sorted by: numbers, times (ISO 8601) or texts; None = as they stand. length, every: sequences are cut into pieces of
    so many rows, one beginning every so many, the last ending where they do; None = whole, and every = length. split:
    what is held out: whole groups (`group`), or of each group what comes last (`time`), before which its other rows are
    read and not asked for; None = the last rows where next steps are asked for, else groups. Raises ConfigurationError.
    """

    group: ColumnName | None = None
    order: ColumnName | None = None
    length: Steps | None = None
    every: Steps | None = None
    split: Literal["group", "time"] | None = None

    def __post_init__(self) -> None:
        if self.every is not None and self.length is None:
            raise ConfigurationError(
                f"data.rows.every={self.every} says where pieces begin, and data.rows.length=null cuts none: set it"
            )

    @property
    def used(self) -> bool:
        """Whether rows make sequences at all."""
        return self.group is not None or self.order is not None or self.length is not None

    def columns(self) -> list[Column]:
        """The columns that it needs: of the group and the order, as far as they are said."""
        return [column for column in (self.group, self.order) if column is not None]

    def by_columns(self, same: Callable[[Column], Column]) -> "Grouping":
        """The same by other columns. same: the one in the place of each."""
        group, order = (None if column is None else same(column) for column in (self.group, self.order))
        return replace(self, group=group, order=order)  # type: ignore[arg-type]

    def groups(
        self,
        keys: Sequence[Any] | None,
        orders: Sequence[Any] | None,
        rows: Iterable[int],
        doubled: Callable[[int, int], None],
    ) -> list[list[int]]:
        """The rows of each group, in the order of the groups' first rows.

        orders: as `sortable` reads them. rows: those that can be used. doubled: is told of a row at the place of one
        before it, and of which one; without an error it is left out.
        """
        found: dict[Any, list[int]] = {}
        for row in rows:
            found.setdefault(None if keys is None else keys[row], []).append(row)
        if orders is None:
            return list(found.values())
        for key, members in found.items():
            members.sort(key=orders.__getitem__)
            kept: list[int] = []
            for row in members:
                if kept and orders[kept[-1]] == orders[row]:
                    doubled(row, kept[-1])
                else:
                    kept.append(row)
            found[key] = kept
        return list(found.values())

    def pieces(self, one: Sequence_, horizon: int = 1) -> Iterable[Sequence_]:
        """A sequence cut into pieces of `length`, the last of which ends where it does; each asks something.

        horizon: how many next steps are asked for, all of which stand in a piece. Of the last piece what those before
        it have asked is not asked again.
        """
        if self.length is None:
            yield one
            return
        rows, end = len(one.rows), 0
        for begin in range(0, max(rows - self.length, 0) + 1, self.every or self.length):
            end = min(begin + self.length, rows)
            if end > one.asked_from:
                yield Sequence_(one.rows[begin:end], max(one.asked_from - begin, 0))
        if end < rows:
            begin, asked = rows - self.length, max(one.asked_from, end - horizon + 1)
            yield Sequence_(one.rows[begin:], max(asked - begin, 0))


def sortable(values: Sequence[Any]) -> tuple[list[Any], dict[int, str]]:
    """The values as what they can be sorted by: numbers or times, if most are some, else text.

    Beside them what is wrong with others, by place: those that are missing, and the few that are no number or no time.
    """
    problems = {place: "is missing" for place, value in enumerate(values) if missing(value)}
    for read, kind in ((_number, "number"), (_time, "time")):
        found, others = list[Any](), dict[int, str]()
        for place, value in enumerate(values):
            try:
                found.append(None if place in problems else read(value))
            except (TypeError, ValueError, AttributeError):
                found.append(None)
                others[place] = f"is {told(value)}, and of most rows a {kind}"
                if len(others) > (len(values) - len(problems)) / 2:
                    break
        else:
            return found, problems | others
    return [str(value) for value in values], problems


def in_order(values: Sequence[Any]) -> list[Any]:
    """The values as what all of them can be sorted by: numbers, else times, else text."""
    found, problems = sortable(values)
    return [str(value) for value in values] if problems else found


def uneven(groups: Sequence[Sequence[int]], orders: Sequence[Any] | None) -> tuple[int, int]:
    """How many rows stand much farther behind the one before in their group than is usual, and of how many.

    Much: by more than half, so that months are all alike. orders: as `sortable` reads them. (0, 0) where they cannot be
    measured.
    """
    if orders is None or not groups or isinstance(orders[groups[0][0]], str):
        return 0, 0
    steps = [orders[now] - orders[before] for rows in groups for before, now in zip(rows, rows[1:], strict=False)]
    usual = sorted(steps)[len(steps) // 2] if steps else 0
    return sum(step > 1.5 * usual for step in steps), len(steps)


def _number(value: Any) -> int | float:
    try:
        return int(value if isinstance(value, str) else index(value))  # of a float an id of 19 digits is another one
    except (TypeError, ValueError):
        found = float(value)
    if not isfinite(found):
        raise ValueError
    return found


def _time(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return found if found.tzinfo is None else found.astimezone(None).replace(tzinfo=None)


def by_time(groups: Sequence[Sequence[int]], orders: Sequence[Any] | None, cut: Cut) -> list[tuple[int, int]]:
    """For each group how many of its rows are train, and train or valid: all groups are cut at one time.

    orders: as `sortable` reads them; without them each is cut at the same shares of its own rows.
    """
    if orders is None:
        return [(int(len(rows) * cut[0]), int(len(rows) * cut[1])) for rows in groups]
    times = sorted(orders[row] for rows in groups for row in rows)
    at = [times[min(int(len(times) * share), len(times) - 1)] if share < 1 else None for share in cut]
    return [
        (
            sum(at[0] is None or orders[row] < at[0] for row in rows),
            sum(at[1] is None or orders[row] < at[1] for row in rows),
        )
        for rows in groups
    ]


def gathered(values: Mapping[str, Sequence[Any]], sequence: Sequence_, stepped: Mapping[str, bool]) -> dict[str, Any]:
    """A sequence's value of each field: of one that has steps the list of them, of others what all rows say.

    Raises ValueError naming the field whose value changes within the sequence.
    """
    found: dict[str, Any] = {}
    for name, column in values.items():
        own = [column[row] for row in sequence.rows]
        if stepped[name]:
            found[name] = own
        elif any(value != own[0] for value in own):
            other = next(value for value in own if value != own[0])
            raise ValueError(
                f"{name}: {own[0]!r} and {other!r} in one sequence, which must be the same for all its rows"
            )
        else:
            found[name] = own[0]
    return found
