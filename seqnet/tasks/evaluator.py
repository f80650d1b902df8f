"""What tasks do alike: pick what is asked, count it in metrics, and say what a model predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from seqnet.batch import REFERENCES, UNITS, UNKNOWN_LABEL, Batch, Output
from seqnet.tasks.forecast_scores import ForecastScores
from seqnet.tasks.merging import by_itself, counted, merge
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
    if batch.target_index is None:
        return features, targets
    return features.index_select(0, batch.target_index), targets.index_select(0, batch.target_index)


def training_count(objective: Objective, batch: Batch) -> float:
    """What the summed loss of training is divided by: how many items are asked, as the objective weighs them."""
    weigh: Callable[[Tensor], float] | None = getattr(objective, "weigh", None)
    if weigh is None:
        return batch.num_targets
    targets = batch.targets.flatten(0, 0 if batch.row_targets else 1)
    return weigh(targets if batch.target_index is None else targets.index_select(0, batch.target_index))


def asked_lengths(batch: Batch) -> Tensor:
    """How many steps of each row are asked, [batch]."""
    return batch.lengths if batch.dense else batch.target_mask().sum(dim=1)


def asked_view(batch: Batch, name: str) -> Tensor | None:
    """What a view says of the items [n ...] that are asked; None = there is no such view.

    UNITS: by what their answers are scaled, [n 2*feature], where it is not as their column is.
    """
    view = batch.views.get(name)
    if view is None:
        return None
    flat = view.flatten(0, 1)
    return flat if batch.target_index is None else flat.index_select(0, batch.target_index)


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
    objective: Objective,
    head: Callable[[Tensor], Tensor],
    features: Tensor,
    units: Tensor | None = None,
    lengths: Tensor | None = None,
) -> tuple[list[Any], list[float | None]]:
    """For each of n items what is predicted, fit for JSON, and its probability. features: [n hidden].

    units: as for `in_the_columns_scale`. lengths: of the rows that the items are, where these are decided as a whole.
    """
    if lengths is not None:
        tags, shares = head.decide(features, lengths)  # type: ignore[attr-defined]
        return [objective.explain(tag) for tag in tags.tolist()], shares.tolist()
    predictions: list[Any] = []
    probabilities: list[float | None] = []
    for some, *scaled in pieces(objective.out_features, features, *([] if units is None else [units])):
        decisions, scores = objective.decide(in_the_columns_scale(head(some).float(), scaled[0] if scaled else None))
        predictions += [objective.explain(decision) for decision in decisions.tolist()]
        probabilities += [None] * len(some) if scores is None else scores.tolist()
    return predictions, probabilities


def likelihoods(objective: Any, head: Callable[[Tensor], Tensor], features: Tensor) -> list[dict[str, float]]:
    """For each of n items the probability of every class by its name. features: [n hidden].

    objective: one that tells `probabilities`.
    """
    names = objective.targets.names or tuple(map(str, range(objective.targets.size)))
    found: list[dict[str, float]] = []
    for (some,) in pieces(objective.out_features, features):
        for row in objective.probabilities(head(some).float()).tolist():
            found.append({name: float(f"{value:.6g}") for name, value in zip(names, row, strict=True)})
    return found


class Evaluator:
    """An objective's metrics, updated window by window.

    Metrics of whole rows see a row's decisions put together again, however many windows it was cut into.
    """

    def __init__(self, objective: Objective) -> None:
        self.class_names = objective.class_names
        self._objective = objective
        self._metrics = objective.metrics()
        self._row_metrics = objective.row_metrics()
        by_itself(self._all.values())
        self._by_row = getattr(objective, "whole_rows", False)
        self._open: list[tuple[list[Any], list[Any]]] = []  # decisions and targets of the rows being read
        self._empty = True
        self._forecasts: ForecastScores | None = None  # of a series
        self._misses: list[Tensor] = []

    def update(self, output: Output, batch: Batch) -> float:
        """Count what `batch` asks; the summed loss of it, without label smoothing."""
        features, targets = asked_items(output.features, batch)
        strangers = unknown_items(output.features, batch)
        if not len(targets) and not len(strangers):
            return 0.0
        if self._empty:
            self._empty = False
            for metric in self._all.values():
                metric.to(features.device)
        for (some,) in pieces(self._objective.out_features, strangers) if len(strangers) else ():
            logits = output.head(some).float()
            self._objective.update(
                self._metrics, logits, logits.new_full((len(some),), UNKNOWN_LABEL, dtype=torch.int64)
            )
        if not len(targets):
            return 0.0
        if self._by_row:
            return self._whole_rows(output.head, features, targets, batch)
        total, decisions = 0.0, []
        units, beside = asked_view(batch, UNITS), asked_view(batch, REFERENCES)
        whole = features[:, :0]
        parts = [whole if view is None else view for view in (units, beside)]
        for some, wanted, by, others in pieces(self._objective.out_features, features, targets, *parts):
            logits = output.head(some).float()
            scale = None if units is None else by
            found, answer = in_the_columns_scale(logits, scale), in_the_columns_scale(wanted, scale)
            self._objective.update(self._metrics, found, answer)
            if beside is not None and hasattr(self._objective, "forecast"):
                self._compare(found, answer, others)
            if (misses := getattr(output.head, "misses", None)) is not None:
                self._misses += [away.flatten().cpu()] if (away := misses(some, wanted)) is not None else []
            if self._row_metrics:
                decisions.append(self._decide(logits))
            total += self._objective.loss(logits, wanted, training=False).item()
        if decisions:
            self._read_rows(torch.cat(decisions), targets, batch.target_mask().view(batch.size, -1), batch)
        return total

    def _whole_rows(self, head: Any, features: Tensor, targets: Tensor, batch: Batch) -> float:
        """Count rows that are decided as a whole; their summed loss."""
        lengths = asked_lengths(batch)
        decisions, _ = head.decide(features, lengths)
        self._objective.count(self._metrics, decisions, targets)  # type: ignore[attr-defined]
        self._read_rows(decisions, targets, batch.target_mask(), batch)
        total: float = head.row_losses(features, targets, lengths).sum().item()
        return total

    def choose(self) -> None:
        """Let the objective choose what it decides by, where it does, from what was counted."""
        choose = getattr(self._objective, "choose", None)
        if choose is not None and not self._empty:
            self._close_all()
            choose(self._all)

    def _decide(self, logits: Tensor) -> Tensor:
        """What rows are put together of: one decision an item, [n], or each that is to be chosen from, [n ways]."""
        alternatives: Callable[[Tensor], Tensor] | None = getattr(self._objective, "alternatives", None)
        return self._objective.decide(logits)[0] if alternatives is None else alternatives(logits)

    def compute(self) -> dict[str, float]:
        """Each metric by name; NaN where nothing was judged."""
        self._close_all()
        metrics = self._all | (self._forecasts.metrics if self._forecasts else {})
        names = [name for name in metrics if name != "confusion"]
        return {name: float("nan") if self._empty else metrics[name].compute().item() for name in names}

    @property
    def _all(self) -> dict[str, Metric]:
        """What is counted of anything but a series."""
        return self._metrics | self._row_metrics

    def counted(self) -> dict[str, Any]:
        """All that was counted so far, for `merge`; rows that are still read end here."""
        self._close_all()
        return {
            "empty": self._empty,
            "metrics": counted(self._all.values()),
            "forecasts": None if self._forecasts is None else counted(self._forecasts.metrics.values()),
            "misses": self._misses,
        }

    def merge(self, several: Sequence[dict[str, Any]]) -> None:
        """Have counted what several evaluators did, each of which tells it by `counted`, and nothing else."""
        self._empty = all(one["empty"] for one in several)
        merge(self._all.values(), [one["metrics"] for one in several])
        forecasts = [one["forecasts"] for one in several if one["forecasts"] is not None]
        if forecasts:
            self._forecasts = self._forecasts or ForecastScores(self._objective.targets)  # type: ignore[attr-defined]
            merge(self._forecasts.metrics.values(), forecasts)
        self._misses = [misses for one in several for misses in one["misses"]]

    @property
    def confuses(self) -> bool:
        """Whether it counts which class is taken for which."""
        return "confusion" in self._metrics

    def confusion(self) -> Tensor | None:
        """Counts [true predicted], or None where the objective has none or nothing was judged."""
        if self._empty or not self.confuses:
            return None
        found: Tensor = self._metrics["confusion"].compute()
        known = len(self.class_names)
        return found if found[known:].any() else found[:known, :known]

    def calibrate(self, head: Any) -> bool:
        """Let an output layer learn of what was asked, if it does, and so whether it did."""
        if self._misses:
            head.conform(torch.cat(self._misses))
        return bool(self._misses)

    def _compare(self, logits: Tensor, wanted: Tensor, references: Tensor) -> None:
        """Count a forecast beside those that need no model."""
        objective: Any = self._objective
        if self._forecasts is None:
            self._forecasts = ForecastScores(objective.targets)
            for metric in self._forecasts.metrics.values():
                metric.to(logits.device)
        self._forecasts.update(objective.forecast(logits), wanted, references)

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

    def _close_all(self) -> None:
        """Count the rows that are being read, which have ended."""
        self._close(self._open)
        self._open = []

    def _close(self, rows: list[tuple[list[Any], list[Any]]]) -> None:
        """Count whole rows."""
        if rows:
            for metric in self._row_metrics.values():
                metric.update([row[0] for row in rows], [row[1] for row in rows])
