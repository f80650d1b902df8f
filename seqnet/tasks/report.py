"""A report of an evaluation beyond its scores: the tables of the objective or the task, and the worst errors."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import REFERENCES, UNITS, UNKNOWN_LABEL, Batch, Output, has_target
from seqnet.objectives.tables import NEVER_SEEN, Judged, Row
from seqnet.tasks.by_series import BySeries
from seqnet.tasks.evaluator import asked_items, asked_view, in_the_columns_scale
from seqnet.tasks.output_layer import pieces

WORST = 10  # errors that are told


@dataclass
class Open:
    """A row of the batch that is being read, window by window."""

    loss: float = 0.0
    items: int = 0
    wanted: Any = None
    found: Any = None


@dataclass
class Report:
    """Looks at what a task was asked and what it answered; of running text, which has no rows, there is none.

    What an objective reports its `report(horizon)` says: tables with `update(row)` and `rows()`, and where numbers are
    counted `items(found, wanted)`. What a task reports that writes freely its `report()` says: tables with
    `update(wanted, found, tokens)`. source: shows inputs. places: where each row stands, None = it is not known; rows:
    which of these each batch holds.
    """

    task: Any
    source: Any
    places: Sequence[Any] | None = None
    rows_of_batches: Sequence[Tensor] = ()
    _tables: list[Any] = field(init=False)
    _of_writing: list[Any] = field(init=False)
    _open: list[Open] = field(default_factory=list, init=False)
    _worst: list[tuple[float, int, Row]] = field(default_factory=list, init=False)
    _batches: int = field(default=0, init=False)  # that are done
    _series: BySeries | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._numbered = count()
        objective = getattr(self.task, "objective", None)
        report = getattr(objective, "report", None)
        self._tables = report(getattr(self.source, "horizon", 1)) if self._answers and callable(report) else []
        of_task = getattr(self.task, "report", None)
        self._of_writing = of_task() if callable(of_task) else []
        forecasts = getattr(self.source, "forecasts", False) and hasattr(objective, "forecast")
        if self.places is not None and forecasts:
            self._series = BySeries(self.task.objective.targets)

    @property
    def _answers(self) -> bool:
        """Whether the task says what it predicts, and does not leave it to a decoder."""
        return callable(getattr(self.task, "predictions", None))

    def window(self, output: Output, batch: Batch) -> None:
        """Look at a window of a batch, whose features are those of the output."""
        if batch.starts is not None:
            return
        if len(self._open) != batch.size:
            self._open = [Open() for _ in range(batch.size)]
        items = batch.target_mask()
        counts = (items if batch.row_targets else items.sum(dim=1)).long().tolist()
        for row, number in enumerate(counts):
            if number:
                self._open[row].loss += self._loss(output, batch, row)
                self._open[row].items += number
        if self._answers:
            self._answered(output, batch)
            self._count_items(output, batch)

    def _loss(self, output: Output, batch: Batch, row: int) -> float:
        """The summed loss of a row, as it is trained on."""
        one = slice(row, row + 1)
        lengths = None if output.lengths is None else output.lengths[one]
        alone = replace(
            output,
            features=output.features[one],
            lengths=lengths,
            attention=None,
            log_probability=None,
            baseline=None,
            bonus=None,
        )
        return float(self.task.loss(alone, batch.map(lambda tensor: tensor[one])))

    def _answered(self, output: Output, batch: Batch) -> None:
        """Add what is predicted of each row, and what was wanted."""
        for row, one in enumerate(self.task.predictions(output, batch)):
            place, found = self._open[row], one["prediction"]
            if batch.row_targets:
                wanted = self._explained(batch.targets[row])
                if wanted is not None:
                    place.wanted, place.found = wanted, found
                continue
            place.wanted = place.wanted or []
            place.found = place.found or []
            units = batch.views.get(UNITS)
            targets = batch.targets[row, : len(found)]
            if units is not None:
                targets = in_the_columns_scale(targets.flatten(1), units[row, : len(found)])
            place.wanted += map(self._explained, targets)
            place.found += found

    def _explained(self, target: Tensor) -> Any:
        """A target in the words of a prediction; None where nothing is asked."""
        if not target.is_floating_point() and target.dim() == 0 and int(target) == UNKNOWN_LABEL:
            return NEVER_SEEN
        return self.task.objective.explain(target.tolist()) if has_target(target).all() else None

    def _count_items(self, output: Output, batch: Batch) -> None:
        """Show the numbers themselves to the tables that count them."""
        tables = [table for table in self._tables if hasattr(table, "items")]
        features, targets = asked_items(output.features, batch)
        if not tables or not len(targets):
            return
        units, beside = asked_view(batch, UNITS), asked_view(batch, REFERENCES)
        whose = self._rows_of_items(batch)
        parts = [features[:, :0] if view is None else view for view in (units, beside)]
        for some, wanted, scaled, others, rows in pieces(
            self.task.objective.out_features, features, targets, *parts, whose
        ):
            by = None if units is None else scaled
            found, answer = in_the_columns_scale(output.head(some).float(), by), wanted.flatten(1)
            answer = in_the_columns_scale(answer, by)
            for table in tables:
                table.items(found, answer)
            if self._series is not None and beside is not None:
                names = [self._series_of(row) for row in rows.tolist()]
                self._series.items(self.task.objective.forecast(found), answer, others, names)

    def _rows_of_items(self, batch: Batch) -> Tensor:
        """Of each item that is asked the row of the batch that it is of, [n]."""
        steps = 1 if batch.row_targets else batch.time
        rows = torch.arange(batch.size, device=batch.targets.device).repeat_interleave(steps)
        return rows if batch.target_index is None else rows[batch.target_index]

    def _place(self, row: int) -> Any:
        """Where a row of this batch stands; None where it is not known."""
        return None if self.places is None else self.places[int(self.rows_of_batches[self._batches][row])]

    def _series_of(self, row: int) -> str:
        """What the series is called that is a row of this batch, or a piece of which is."""
        place = self._place(row)
        if place.series is not None:
            return str(place.series)
        return str(place.where or f"row {int(self.rows_of_batches[self._batches][row]) + 1}")

    def batch(self, batch: Batch, written: Sequence[Sequence[Any]] | Tensor | None) -> None:
        """Look at a batch whose windows were seen. written: as for a judge, None where nothing was."""
        rows, self._open = self._open, []
        for row, one in enumerate(rows):
            if self._answers and one.wanted is not None:
                self._end(batch, row, one)
            elif isinstance(written, list):
                self._end_written(batch, row, one, written[row][0].ids)
        self._batches += 1

    def _end(self, batch: Batch, row: int, one: Open) -> None:
        loss = one.loss / one.items if one.items else float("nan")
        judged = Judged(one.wanted, one.found, loss, not batch.row_targets)
        for table in self._tables:
            table.update(judged)
        pairs = list(judged.pairs())
        if not pairs or all(wanted == found for wanted, found in pairs):
            return
        wanted, found = one.wanted, one.found
        if getattr(self.source, "forecasts", False):  # of its steps the last, as predict tells it
            wanted, found = pairs[-1]
        self._remember(loss, batch, row, wanted, found)

    def _end_written(self, batch: Batch, row: int, one: Open, ids: Sequence[int]) -> None:
        targets = batch.targets[row].cpu()
        wanted_ids = targets[has_target(targets)].tolist()
        if not wanted_ids:
            return
        wanted, found = self.source.text(wanted_ids), self.source.text(ids)
        for table in self._of_writing:
            table.update(wanted, found, len(wanted_ids) - (wanted_ids[-1] == self.source.writing.end))
        if wanted != found:
            self._remember(one.loss / max(one.items, 1), batch, row, wanted, found)

    def _remember(self, loss: float, batch: Batch, row: int, wanted: Any, found: Any) -> None:
        """Keep it if it is among the worst."""
        if loss != loss or (len(self._worst) == WORST and loss <= self._worst[0][0]):
            return
        read, columns = self._read(batch, row)
        place = self._place(row)
        stands = {} if place is None else {"place": place.where, "series": place.series}
        known = {name: value for name, value in stands.items() if value is not None}
        error = known | {"input": read, "target": wanted, "prediction": found, "loss": loss} | columns
        keep = heapq.heappush if len(self._worst) < WORST else heapq.heappushpop
        keep(self._worst, (loss, -next(self._numbered), error))

    def _read(self, batch: Batch, row: int) -> tuple[str, Row]:
        """What was read of a row, and all of it by its columns, a file by its name; {} where there are none."""
        shown, cells = self._shown(batch, row), getattr(self.source, "cells", None)
        if cells is None or not shown:
            return shown, {}
        place = self._place(row)
        read = cells(batch, row, shown) | ({} if place is None else place.files)
        return next(iter(read.values())), {"columns": {"input": read, "target": self.source.target_column}}

    def _shown(self, batch: Batch, row: int) -> str:
        """What was read of a row."""
        if batch.source is None and not self._answers:  # a text is written out of nothing
            return ""
        inputs = batch.inputs if batch.source is None else batch.source
        lengths = batch.lengths if batch.source is None else batch.source_lengths
        length = inputs.shape[1] if lengths is None else int(lengths[row])
        read = inputs[row, :length]
        units = batch.views.get(UNITS)
        if units is not None and read.dim() == 2 and 2 * read.shape[1] == units.shape[-1]:
            read = in_the_columns_scale(read, units[row, :length])
        return str(self.source.show(read.cpu()))

    def rows(self) -> Iterator[Row]:
        """All tables, each row with its name at `table`; the last is `errors`, the worst first."""
        for table in [*self._tables, *self._of_writing]:
            yield from table.rows()
        if self._series is not None:
            yield from self._series.rows()
        for _, _, error in sorted(self._worst, key=lambda one: one[:2], reverse=True):
            yield {"table": "errors", **error}
