"""The tables that a task reports of what was written freely: by length, and by kind of edit."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from seqnet.objectives.tables import MOST, Row
from seqnet.tasks.edits import CORRECT, KINDS, edits

LENGTHS = (5, 10, 20, 40)  # of what was wanted, up to which answers are scored together


class Lengths:
    """Scores of what was written, by how many tokens were wanted. metrics: makes those of each length, by name."""

    def __init__(self, metrics: Callable[[], dict[str, Any]]) -> None:
        self._metrics = metrics
        self._counts = Counter[int]()
        self._right = Counter[int]()
        self._made: dict[int, dict[str, Any]] = {}

    def update(self, wanted: str, found: str, tokens: int) -> None:
        """Count a row. tokens: of what was wanted."""
        at = next((place for place, most in enumerate(LENGTHS) if tokens <= most), len(LENGTHS))
        self._counts[at] += 1
        self._right[at] += wanted == found
        for metric in self._made.setdefault(at, self._metrics()).values():
            metric.update([found], [wanted])

    def rows(self) -> Iterator[Row]:
        """`lengths`, from the shortest."""
        for at in sorted(self._counts):
            least = LENGTHS[at - 1] + 1 if at else 1
            length = f"{least}-{LENGTHS[at]}" if at < len(LENGTHS) else f"{least}+"
            scores = {name: metric.compute().item() for name, metric in self._made[at].items()}
            share = self._right[at] / self._counts[at]
            yield {"table": "lengths", "length": length, "rows": self._counts[at], "exact_match": share, **scores}


class Edits:
    """What tells the written text from the wanted one, by kind of edit, and the commonest. unit: characters or words.

    Counted as an error rate is: an insertion is a unit that was written and not wanted.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._kinds = Counter[str]()
        self._pairs = Counter[tuple[str, str]]()

    def update(self, wanted: str, found: str, tokens: int) -> None:
        """Count a row."""
        cut: Callable[[str], Sequence[str]] = str.split if self._unit == "words" else str
        for kind, one, other in edits(cut(wanted), cut(found)):
            self._kinds[kind] += 1
            if kind != CORRECT:
                self._pairs[one, other] += 1

    def rows(self) -> Iterator[Row]:
        """`edits`, a row a kind with its share of what was wanted, then `confusions`; "" is nothing."""
        wanted = self._kinds.total() - self._kinds[KINDS[0]]
        for kind in KINDS:
            count = self._kinds[kind]
            share = count / wanted if wanted else None
            yield {"table": "edits", "unit": self._unit, "edit": kind, "count": count, "share": share}
        for (one, other), count in sorted(self._pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]:
            yield {"table": "confusions", "unit": self._unit, "target": one, "prediction": other, "count": count}
