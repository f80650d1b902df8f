"""Rows of a table that together are one sequence: the days of a store, the steps of an episode."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

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
    so many rows, one beginning every so many; None = whole, and every = length. split: what is held out: whole groups
    (`group`), or of each group what comes last (`time`), before which its other rows are read and not asked for; None =
    the last rows where next steps are asked for, else groups. Raises ConfigurationError.
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
        rows: int,
        doubled: Callable[[int, int, str], None],
    ) -> list[list[int]]:
        """The rows of each group, in the order of the groups' first rows.

        doubled: is told of a row at the place of one before it, which one, and of what; without an error it is left
        out.
        """
        found: dict[Any, list[int]] = {}
        for row in range(rows):
            found.setdefault(None if keys is None else keys[row], []).append(row)
        if orders is None:
            return list(found.values())
        sortable = in_order(orders)
        for key, members in found.items():
            members.sort(key=sortable.__getitem__)
            kept: list[int] = []
            for row in members:
                if kept and sortable[kept[-1]] == sortable[row]:
                    of = f" of {self.group} {key}" if key is not None else ""
                    doubled(row, kept[-1], f"two rows{of} have {self.order} {orders[row]}")
                else:
                    kept.append(row)
            found[key] = kept
        return list(found.values())

    def pieces(self, one: Sequence_) -> Iterable[Sequence_]:
        """A sequence cut into pieces of `length`; those in which nothing is asked are left out."""
        if self.length is None:
            yield one
            return
        every = self.every or self.length
        for begin in range(0, max(len(one.rows) - self.length, 0) + 1, every):
            end = min(begin + self.length, len(one.rows))
            if end > one.asked_from:
                yield Sequence_(one.rows[begin:end], max(one.asked_from - begin, 0))


def in_order(values: Sequence[Any]) -> list[Any]:
    """The values as what they can be sorted by: numbers, else times, else text."""
    for read in (float, _time):
        try:
            return [read(value) for value in values]
        except (TypeError, ValueError, AttributeError):
            continue
    return [str(value) for value in values]


def uneven(groups: Sequence[Sequence[int]], orders: Sequence[Any] | None) -> tuple[int, int]:
    """How many rows stand much farther behind the one before in their group than is usual, and of how many.

    Much: by more than half, so that months are all alike. (0, 0) where the order is none that can be measured.
    """
    sortable = in_order(orders) if orders is not None else []
    if not sortable or isinstance(sortable[0], str):
        return 0, 0
    steps = [sortable[now] - sortable[before] for rows in groups for before, now in zip(rows, rows[1:], strict=False)]
    usual = sorted(steps)[len(steps) // 2] if steps else 0
    return sum(step > 1.5 * usual for step in steps), len(steps)


def _time(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return found if found.tzinfo is None else found.astimezone(None).replace(tzinfo=None)


def by_time(groups: Sequence[Sequence[int]], orders: Sequence[Any] | None, cut: Cut) -> list[tuple[int, int]]:
    """For each group how many of its rows are train, and train or valid: all groups are cut at one time.

    Without an order each is cut at the same shares of its own rows.
    """
    if orders is None:
        return [(int(len(rows) * cut[0]), int(len(rows) * cut[1])) for rows in groups]
    sortable = in_order(orders)
    times = sorted(sortable[row] for rows in groups for row in rows)
    at = [times[min(int(len(times) * share), len(times) - 1)] if share < 1 else None for share in cut]
    return [
        (
            sum(at[0] is None or sortable[row] < at[0] for row in rows),
            sum(at[1] is None or sortable[row] < at[1] for row in rows),
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
