"""What several ranks counted, each of other rows, put together as if one had counted all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


def counters(metrics: Iterable[Any]) -> list[Any]:
    """All that count, each once: metrics of torchmetrics, those that these are made of, and others as they are."""
    from torchmetrics import Metric

    found: dict[int, Any] = {}
    for one in metrics:
        parts = [part for part in one.modules() if isinstance(part, Metric)] if isinstance(one, Metric) else [one]
        found |= {id(part): part for part in parts}
    return [*found.values()]


def by_itself(metrics: Iterable[Any]) -> None:
    """Have metrics tell what was counted here: torchmetrics would wait for all ranks to ask for the same at once."""
    for one in counters(metrics):
        if hasattr(one, "sync_on_compute"):
            one.sync_on_compute = one._to_sync = False


def counted(metrics: Iterable[Any]) -> list[Any]:
    """What each counted so far, on the CPU; one that is not of torchmetrics has a `state` to be told."""
    return [
        {name: _on_the_cpu(getattr(one, name)) for name in one._reductions}
        if hasattr(one, "_reductions")
        else one.state()
        for one in counters(metrics)
    ]


def merge(metrics: Iterable[Any], states: Sequence[list[Any]]) -> None:
    """Have each have counted all that is told in `states`, by as many ranks, and nothing else."""
    for one, several in zip(counters(metrics), zip(*states, strict=True), strict=True):
        if hasattr(one, "_reductions"):
            _merge(one, several)
        else:
            one.merge(several)


def _on_the_cpu(value: Any) -> Any:
    return [_on_the_cpu(part) for part in value] if isinstance(value, list) else value.detach().cpu()


def _merge(metric: Any, several: Sequence[dict[str, Any]]) -> None:
    """As torchmetrics does, by what a metric says of each of its states."""
    for name, reduction in metric._reductions.items():
        values = [state[name] for state in several]
        merged: Tensor | list[Tensor]
        if isinstance(values[0], list):
            merged = [part.to(metric.device) for value in values for part in value]
        else:
            stacked = torch.stack(values).to(metric.device)
            merged = stacked if reduction is None else reduction(stacked)
        setattr(metric, name, merged)
    metric._update_count = 1  # it was told something
    metric._computed = None
