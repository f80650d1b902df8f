"""What both tasks do alike: pick what is asked, count it in metrics, and say what a model predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from seqnet.batch import UNITS, UNKNOWN_LABEL, Batch, Output
from seqnet.tasks.output_layer import pieces

if TYPE_CHECKING:
    from torchmetrics import Metric


class Objective(Protocol):
    """What a task asks of an objective."""

    out_features: int
    class_names: tuple[str, ...]

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor: ...
    def metrics(self) -> dict[str, Metric]: ...
    def row_metrics(self) -> dict[str, Metric]: ...
    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None: ...
    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor | None]: ...
    def explain(self, decision: Any) -> Any: ...


def asked_items(features: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Features [n hidden] and targets [n ...] of the n items that `batch` asks."""
    last = 0 if batch.row_targets else 1
    features, targets = features.flatten(0, last), batch.targets.flatten(0, last)
    if batch.places is None:
        return features, targets
    return features.index_select(0, batch.places), targets.index_select(0, batch.places)


def training_count(objective: Objective, batch: Batch) -> float:
    """What the summed loss of training is divided by: how many items are asked, as the objective weighs them."""
    weigh: Callable[[Tensor], float] | None = getattr(objective, "weigh", None)
    if weigh is None:
        return batch.count
    targets = batch.targets.flatten(0, 0 if batch.row_targets else 1)
    return weigh(targets if batch.places is None else targets.index_select(0, batch.places))


def asked_units(batch: Batch) -> Tensor | None:
    """By what the answers [n ...] of the items that are asked are scaled, [n 2*feature]; None = as their column is."""
    units = batch.views.get(UNITS)
    if units is None:
        return None
    flat = units.flatten(0, 1)
    return flat if batch.places is None else flat.index_select(0, batch.places)


def in_the_columns_scale(values: Tensor, units: Tensor | None) -> Tensor:
    """Answers [n horizon*feature] in the scale of their column. units: [n 2*feature]; None = they are."""
    if units is None:
        return values
    centre, deviation = units.to(values.dtype).unsqueeze(1).chunk(2, dim=-1)
    found: Tensor = values.unflatten(1, (-1, centre.shape[-1])) * deviation + centre
    return found.flatten(1)


def unknown_items(features: Tensor, batch: Batch) -> Tensor:
    """Features [n hidden] of the items whose class training never saw."""
    last = 0 if batch.row_targets else 1
    if batch.dense or batch.targets.is_floating_point():
        return features.flatten(0, last)[:0]
    return features.flatten(0, last)[(batch.targets == UNKNOWN_LABEL).flatten()]


def decided(
    objective: Objective, head: Callable[[Tensor], Tensor], features: Tensor, units: Tensor | None = None
) -> tuple[list[Any], list[float | None]]:
    """For each of n items what is predicted, fit for JSON, and its probability. features: [n hidden].

    units: as for `in_the_columns_scale`.
    """
    predictions: list[Any] = []
    probabilities: list[float | None] = []
    for some, *scaled in pieces(objective.out_features, features, *([] if units is None else [units])):
        decisions, scores = objective.decide(in_the_columns_scale(head(some).float(), scaled[0] if scaled else None))
        predictions += [objective.explain(decision) for decision in decisions.tolist()]
        probabilities += [None] * len(some) if scores is None else scores.tolist()
    return predictions, probabilities


class Judge:
    """An objective's metrics, updated window by window.

    Metrics of whole rows see a row's decisions put together again, however many windows it was cut into.
    """

    def __init__(self, objective: Objective) -> None:
        self.class_names = objective.class_names
        self._objective = objective
        self._metrics = objective.metrics()
        self._row_metrics = objective.row_metrics()
        self._open: list[tuple[list[Any], list[Any]]] = []  # decisions and targets of the rows being read
        self._empty = True

    def update(self, output: Output, batch: Batch) -> float:
        """Count what `batch` asks; the summed loss of it, without label smoothing."""
        features, targets = asked_items(output.features, batch)
        strangers = unknown_items(output.features, batch)
        if not len(targets) and not len(strangers):
            return 0.0
        if self._empty:
            self._empty = False
            for metric in (self._metrics | self._row_metrics).values():
                metric.to(features.device)
        for (some,) in pieces(self._objective.out_features, strangers) if len(strangers) else ():
            logits = output.head(some).float()
            self._objective.update(
                self._metrics, logits, logits.new_full((len(some),), UNKNOWN_LABEL, dtype=torch.int64)
            )
        if not len(targets):
            return 0.0
        total, decisions = 0.0, []
        units = asked_units(batch)
        for some, wanted, *scaled in pieces(
            self._objective.out_features, features, targets, *([] if units is None else [units])
        ):
            logits = output.head(some).float()
            by = scaled[0] if scaled else None
            told = (in_the_columns_scale(logits, by), in_the_columns_scale(wanted, by))
            self._objective.update(self._metrics, *told)
            if self._row_metrics:
                decisions.append(self._objective.decide(logits)[0])
            total += self._objective.loss(logits, wanted, training=False).item()
        if decisions:
            self._read_rows(torch.cat(decisions), targets, batch.items_asked().view(batch.size, -1), batch)
        return total

    def choose(self) -> None:
        """Let the objective choose what it decides by, where it does, from what was counted."""
        choose = getattr(self._objective, "choose", None)
        if choose is not None and not self._empty:
            choose(self._metrics)

    def compute(self) -> dict[str, float]:
        """Each metric by name; NaN where nothing was judged."""
        self._close(self._open)
        self._open = []
        metrics = self._metrics | self._row_metrics
        names = [name for name in metrics if name != "confusion"]
        return {name: float("nan") if self._empty else metrics[name].compute().item() for name in names}

    def confusion(self) -> Tensor | None:
        """Counts [true predicted], or None where the objective has none or nothing was judged."""
        if self._empty or "confusion" not in self._metrics:
            return None
        found: Tensor = self._metrics["confusion"].compute()
        known = len(self.class_names)
        return found if found[known:].any() else found[:known, :known]

    def _read_rows(self, decisions: Tensor, targets: Tensor, mask: Tensor, batch: Batch) -> None:
        """Append what was asked to the rows it belongs to, and count the rows that ended."""
        if len(self._open) != len(mask):
            self._close(self._open)
            self._open = [([], []) for _ in range(len(mask))]
        counts = mask.sum(dim=1).tolist()
        if batch.continues or batch.starts is None:
            begins = [not batch.continues] * len(mask)
        else:
            begins = batch.starts.tolist()
        ended = [row for row, begin in zip(self._open, begins, strict=True) if begin]
        self._open = [([], []) if begin else row for row, begin in zip(self._open, begins, strict=True)]
        pieces = zip(self._open, decisions.split(counts), targets.split(counts), strict=True)
        for (decided_so_far, targets_so_far), decided_here, targets_here in pieces:
            decided_so_far.extend(decided_here.tolist())
            targets_so_far.extend(targets_here.tolist())
        self._close(ended)

    def _close(self, rows: list[tuple[list[Any], list[Any]]]) -> None:
        """Count whole rows."""
        if rows:
            for metric in self._row_metrics.values():
                metric.update([row[0] for row in rows], [row[1] for row in rows])
