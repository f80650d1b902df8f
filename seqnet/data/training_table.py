"""What the columns of the table were called that a run learned from, by which it reads other tables."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqnet.data.files import counted, shown
from seqnet.data.formats.columns import RANGE, parts_of, position, resolve, used
from seqnet.data.formats.csv import sniff
from seqnet.data.formats.find import Part
from seqnet.data.formats.format import Column
from seqnet.data.formats.table import Table
from seqnet.errors import DataError, did_you_mean


@dataclass(frozen=True)
class TrainingTable:
    """names: of its columns, None where it had no header, so that columns are positions; width: how many there were."""

    names: tuple[str, ...] | None
    width: int

    @classmethod
    def of(cls, part: Part, columns: Sequence[Column]) -> "TrainingTable | None":
        """That of a file of which these columns are read; None where a file's author names none. Raises DataError."""
        if not part.format.named:
            return None
        names, headed = part.format.heading(part.file, columns)
        return cls(names if headed else None, len(names))

    @classmethod
    def of_state(cls, state: Any) -> "TrainingTable | None":
        """The inverse of `state`. Raises DataError where it is malformed."""
        if state is None:
            return None
        names, width = (state.get("names"), state.get("width")) if isinstance(state, dict) else (None, None)
        known = names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names))
        if not (known and type(width) is int and width >= 0 and len(state) == 2):
            raise DataError("the stored data state does not say what the columns of the training table are called")
        return cls(None if names is None else tuple(names), width)

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {"names": None if self.names is None else list(self.names), "width": self.width}

    def is_header(self, line: str, first: str) -> bool:
        """Whether a line holds names of these columns and nothing else: several, or that of the first input."""
        cells = next(csv.reader([line], delimiter=sniff([line])), [])
        return set(cells) <= {*(self.names or ())} and (len(cells) > 1 or cells == [first])

    def same_header(self, part: Part) -> Part:
        """Another file, whose first row is a header where that of training was, whatever columns are asked for."""
        if not isinstance(part.format, Table):
            return part
        return replace(part, format=part.format.with_header(self.names is not None))

    def same(self, column: Column, there: Sequence[str], where: str) -> Column:
        """A column of training in a table with a header, by its name where it is meant by its position.

        there: the header. Raises DataError for one that is not there.
        """
        if self.names is None or tuple(there) == self.names:
            return column
        if not isinstance(column, str | int):
            return [one for each in column for one in _listed(self.same(each, there, where))]
        if isinstance(column, str) and RANGE in column and column not in self.names:
            if all(position(end) is None or end in there for end in column.split(RANGE, 1)):
                return column
            (index,) = resolve([column], self.names, self.width, where)
            return [self._by_name(at, there, where) for at in used([index])]
        at = None if isinstance(column, str) and column in self.names else position(column)
        if at is not None:
            return self._by_name(at, there, where)
        if isinstance(column, str) and column not in there and position(column) is not None:
            raise self._not_there(column, there, where)  # a name that is a number is no position
        return column

    def _by_name(self, at: int, there: Sequence[str], where: str) -> str | int:
        assert self.names is not None
        name = self.names[at]
        if name in there:
            return name
        if len(there) == self.width:  # the same table under other names
            return at
        raise self._not_there(name, there, where)

    def _not_there(self, name: str, there: Sequence[str], where: str) -> DataError:
        hint = shown(did_you_mean(name, there), 200) or ";"
        return DataError(
            f"{where}: no column '{shown(name)}' in the header, which has {shown(', '.join(there), 200)}{hint} call "
            "the columns as in the training file"
        )

    def check_positions(self, inputs: Mapping[str, Column], target: Column, width: int, where: str) -> None:
        """Refuse a narrower table in which inputs may have moved, as the target is not there. Raises DataError."""
        if self.names is not None or width >= self.width:
            return
        gone = used(resolve([target], None, self.width, where))
        for name, column in inputs.items():
            for at in filter(None, map(position, parts_of([column]))):
                if (at > min(gone)) if at > 0 else (at % self.width < max(gone)):
                    raise DataError(
                        f"{where}: {counted(width, 'column')} where the training file had {self.width}, and {name} is "
                        f"column {at}, which moves where the target's is left out; keep a column in its place, which "
                        "may be blank"
                    )


def _listed(column: Column) -> Sequence[str | int]:
    return [column] if isinstance(column, str | int) else column
