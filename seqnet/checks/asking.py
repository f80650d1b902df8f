"""Ways of asking a model for the same thing: whole, by windows, by single steps, a row alone, with other padding."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.batch import IGNORE, LAGS, REFERENCES, UNITS, Batch, Output, Whole
from seqnet.state import State, detach

BESIDE = (UNITS, LAGS, REFERENCES)
"""Views that no encoder reads."""


def by_windows(
    model: Any, whole: Batch, windows: Iterable[Batch], carry: Callable[[State], State] = detach
) -> tuple[Tensor, State, list[tuple[Output, Batch]]]:
    """Features of what is asked, each in its place and 0 elsewhere; the last state; each window and its output."""
    features: Tensor | None = None
    state, begin, told = None, 0, []
    for window in windows:
        output = model(window, state)
        if features is None:
            wide = output.features.shape[1:] if whole.row_targets else (whole.time, *output.features.shape[2:])
            features = output.features.new_zeros(whole.size, *wide)
        mask = window.target_mask()
        if whole.row_targets:
            features = torch.where(_beside(mask, features), output.features, features)
        else:
            here = features[:, begin : begin + window.time]
            kept = torch.where(_beside(mask, here), output.features, here)
            features = torch.cat([features[:, :begin], kept, features[:, begin + window.time :]], dim=1)
        told.append((output, window))
        state = carry(output.state)
        begin += window.advance
    assert features is not None
    return features, state, told


def _beside(mask: Tensor, features: Tensor) -> Tensor:
    """A mask of items for their features, however many dimensions these have."""
    return mask.view(*mask.shape, *[1] * (features.dim() - mask.dim()))


def told(output: Output) -> Tensor:
    """What an output says at each item, as wide in any company: its features, of a mixture what they are mixed to."""
    return output.logits() if output.mixed else output.features


def by_steps(model: Any, whole: Batch) -> tuple[list[Tensor], State, bool]:
    """What each step of whole rows gives, and the last state; whether that are features, and not logits."""
    takes = signature(model.step).parameters
    begun, state = model.begin(whole) if hasattr(model, "begin") else (None, model.initial_state(whole.size))
    given: dict[str, Any] = {name: begun for name in ("memory", "joined") if name in takes}
    if "head" in takes:
        given["head"] = nn.Identity()
    found = []
    for step in range(whole.time):
        views = {name: view[:, step] for name, view in whole.views.items()}
        answer = model.step(whole.inputs[:, step], state, **given, **({"views": views} if "views" in takes else {}))
        found.append(answer[0])
        state = answer[1]
    return found, state, "head" in takes


def row_of(batch: Batch, row: int) -> Batch:
    """A row by itself, without padding."""
    here, length = slice(row, row + 1), int(batch.lengths[row])
    source, sources = batch.source, batch.source_lengths
    if source is not None and sources is not None:
        source = source[here, : int(sources[row])]
    return Batch(
        batch.inputs[here, :length],
        batch.lengths[here],
        batch.targets[here] if batch.row_targets else batch.targets[here, :length],
        batch.row_targets,
        source=source,
        source_lengths=None if sources is None else sources[here],
        starts=None if batch.starts is None else batch.starts[here],
        views={name: view[here, :length] for name, view in batch.views.items()},
        wholes={name: _alone(one, row) for name, one in batch.wholes.items()},
    )


def _alone(one: Whole, row: int) -> Whole:
    here = slice(row, row + 1)
    if one.lengths is None:
        return Whole(one.values[here])
    return Whole(one.values[here, : max(1, int(one.lengths[row]))], one.lengths[here])


def padded_otherwise(batch: Batch, more: int = 3) -> Batch:
    """The same rows with other padding, and more of it: numbers that are none, and tokens that stand elsewhere."""
    nothing = float("nan") if batch.targets.is_floating_point() else IGNORE
    targets = batch.targets
    if not batch.row_targets:
        targets = torch.cat([targets, torch.full_like(targets[:, :1], nothing).repeat_interleave(more, 1)], dim=1)
    source, sources = batch.source, batch.source_lengths
    if source is not None and sources is not None and not batch.source_full:
        source = _longer(source, sources, more)
    return replace(
        batch,
        inputs=_longer(batch.inputs, batch.lengths, more),
        targets=targets,
        views={name: _longer(view, batch.lengths, more) for name, view in batch.views.items()},
        source=source,
        wholes={
            name: one if one.lengths is None else Whole(_longer(one.values, one.lengths, more), one.lengths)
            for name, one in batch.wholes.items()
        },
        advance=0,
    )


def _longer(values: Tensor, lengths: Tensor, more: int) -> Tensor:
    made = torch.cat([values, values[:, :1].repeat_interleave(more, 1)], dim=1)
    ended = torch.arange(made.shape[1]) >= lengths[:, None]
    made[ended] = float("nan") if made.is_floating_point() else values.max()
    return made


def changed(batch: Batch, steps: slice, sizes: Mapping[str, int]) -> Batch:
    """The same but for what is read at some steps. sizes: of the vocabularies of inputs, see `vocabularies`."""

    def other(values: Tensor, name: str) -> Tensor:
        made = values.clone()
        if values.is_floating_point():
            made[:, steps] += 1
        else:
            made[:, steps] = (made[:, steps] + 1) % max(2, sizes.get(name, 2))
        return made

    views = {name: view if name in BESIDE else other(view, name) for name, view in batch.views.items()}
    return replace(batch, inputs=other(batch.inputs, ""), views=views)
