"""What can be learned where the rows of a table make sequences."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from seqnet.data.inspection.columns import Guess
from seqnet.data.inspection.maker import Maker, Reading, free, incomplete, joined
from seqnet.data.inspection.profile import ASKED
from seqnet.data.inspection.sequences import Sequences
from seqnet.data.inspection.sizes import sizes

HORIZON = 12  # steps ahead, where no season is known
GROUPS = 1000  # sequences that are told apart by their names


def by_rows(maker: Maker, found: Sequences, said: str | None) -> Reading | None:
    """What is asked at the steps of sequences that rows make: the next ones of a series, or a label at each."""
    sample = maker.survey.sample
    keys = {found.order.name, found.group.name if found.group else None}
    columns = [guess for guess in maker.guesses if guess.name not in keys]
    numbers = [guess for guess in columns if guess.type == "number"]
    labels = [guess for guess in columns if guess.type == "label" and not found.stays(sample[guess.name])]
    target = next((guess for guess in columns if guess.name == said), None)
    if said is not None and target is None:
        return None
    target = target or next((guess for guess in labels if guess.name.lower() in ASKED), None)
    target = target or (numbers[-1] if numbers else labels[-1] if labels else None)
    if target is None or target.type not in ("number", "label"):
        return None
    options: dict[str, Any] = {"data__rows__order": found.order.column}
    if found.group is not None:
        options["data__rows__group"] = found.group.column
    if found.doubled:
        options["data__on_bad_row"] = "skip"
    if target.type == "label":
        return _labelled_steps(maker, found, numbers, labels, target, options)
    return _forecast(maker, found, numbers, labels, target, options)


def _labelled_steps(
    maker: Maker, found: Sequences, numbers: list[Guess], labels: list[Guess], target: Guess, options: dict[str, Any]
) -> Reading | None:
    inputs: list[Guess] = []
    if numbers:
        state = replace(numbers[0], type="series") if len(numbers) == 1 else joined(numbers, "series")
        maker.named.setdefault(state.name, free("state", maker.named.values()))
        inputs = [replace(state, options=_filled(numbers))]
    inputs += [replace(guess, options={**guess.options, "axis": "step"}) for guess in labels if guess is not target]
    if not inputs:
        return None
    target = replace(target, options={**target.options, "axis": "step"})
    size = sizes(len(found.rows), target.profile, "series", {}, found.longest)
    groups = {"task": "many_to_many", "objective": "classification"}
    return maker.reading("a label at each step: {inputs} -> {target}", inputs, target, groups, size, **options)


def _filled(numbers: Sequence[Guess]) -> dict[str, Any]:
    return {"missing": "last", "mask": True} if any(map(incomplete, numbers)) else {}


def _forecast(
    maker: Maker, found: Sequences, numbers: list[Guess], labels: list[Guess], target: Guess, options: dict[str, Any]
) -> Reading | None:
    sample = maker.survey.sample
    series = [target, *(guess for guess in numbers if guess is not target)]
    inputs = []
    for guess in series:
        made = replace(guess, type="series", options=_filled([guess]))
        if found.trend(sample[guess.name]) is not None:
            made.options["scale"] = "window"
            if found.season is not None and found.season * 2 <= found.shortest:
                made.options["season"] = found.season
        inputs.append(made)
    if "mask" in inputs[0].options:  # what is asked for has no second number beside it
        inputs[0].options.pop("mask")
    inputs += [replace(guess, options={**guess.options, "axis": "step"}) for guess in labels]
    group = found.group
    if group is not None and len(found.rows) <= GROUPS:
        inputs.append(replace(group, type="label", options={}))
    held = maker.survey.splits.keys() & {"valid"} or "data.split_column" in maker.shares
    share = 0.1 if found.shortest * 0.1 >= 2 * HORIZON else 0.2
    ahead = found.season or HORIZON
    ahead = max(1, min(ahead, int(found.shortest * share) // 2))
    options["data__horizon"] = ahead
    if not held:
        options["data__valid_share"] = share
    rows = len(found.rows)
    if found.longest > 8 * max(ahead, 12) and rows < 200:
        length = 4 * max(ahead, 12)
        options |= {"data__rows__length": length, "data__rows__every": max(ahead // 2, 1)}
        rows = sum(map(len, found.rows)) // max(ahead // 2, 1)
    size = sizes(rows, target.profile, "series", {}, min(found.longest, 96))
    groups = {"task": "many_to_many", "objective": "regression"}
    steps = "the next step" if ahead == 1 else f"the next {ahead} steps"
    return maker.reading(f"{steps} of a series: {{inputs}} -> {{target}}", inputs, inputs[0], groups, size, **options)
