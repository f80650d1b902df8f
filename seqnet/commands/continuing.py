"""A run gone on with under changed options: what its checkpoint holds that is not theirs is made theirs."""

from typing import Any

import torch
from torch import Tensor, nn

from seqnet import build

Config = dict[str, Any]
Components = dict[str, Any]

BATCHES = frozenset(("data.batch_size", "data.batch_tokens", "training.window", "training.stride"))


def regroups(changed: Config) -> bool:
    """Whether the batches and windows are others, so that a place among them says nothing."""
    return not BATCHES.isdisjoint(changed)


def adapted(stored: Components, fresh: Components, config: Config, changed: Config) -> Components:
    """The stored components as the changed run has them.

    fresh: those of a run that begins with these options; config: its configuration; changed: key -> [before, now].
    """
    before = stored["config"]
    rewinds = config["training"]["on_nonfinite"] == "rewind"
    keep = rewinds and not regroups(changed) and "training.monitor" not in changed
    snapshots = [_adapted(one, fresh, before, config, changed) for one in stored.get("snapshots", [])] if keep else []
    return {**_adapted(stored, fresh, before, config, changed), "snapshots": snapshots}


def _adapted(stored: Components, fresh: Components, before: Config, config: Config, changed: Config) -> Components:
    made = {**stored, "optimizer": _optimizer(stored["optimizer"], fresh["optimizer"], before, config, changed)}
    if config["schedule"]["_target_"] != before["schedule"]["_target_"]:
        made["schedule"] = fresh["schedule"]
    if not {"training.ema_decay", "training.average_after", "training.monitor"}.isdisjoint(changed):
        goes_on = config["training"]["ema_decay"] is not None
        ema = (stored["ema"] or stored["parameters"]) if goes_on else {}  # another average begins anew
        made |= {"ema": ema, "averaging": fresh["averaging"]}
    if "precision" in changed:
        carried = stored["carried_state"]
        tensors = [tensor.float() if tensor.is_floating_point() else tensor for tensor in carried["tensors"]]
        made |= {"scaler": fresh["scaler"], "carried_state": {**carried, "tensors": tensors}}
    return made


def _optimizer(stored: Any, fresh: Any, before: Config, config: Config, changed: Config) -> Any:
    """The optimiser's state with the changed options in place of its own copies of them."""
    names = {key.partition(".")[2] for key in changed if key.startswith("optimizer.")}
    groups = [
        {**group, **{name: new[name] for name in names & new.keys()}}
        for group, new in zip(stored["param_groups"], fresh["param_groups"], strict=True)
    ]
    state = stored["state"]
    if names and config["optimizer"]["_target_"].startswith("torch.optim."):
        had, has = _kept_by(before), _kept_by(config)
        state = {place: _fitted(values, had - has, has - had) for place, values in state.items()}
    return {**stored, "param_groups": groups, "state": state}


def _kept_by(config: Config) -> set[str]:
    """What torch's optimiser remembers of a parameter with these options."""
    only = nn.ParameterList([torch.zeros(2, 2)])
    only[0].grad = torch.zeros(2, 2)
    trial = build.optimizer(config, only)
    trial.step()
    return set(trial.state[only[0]])


def _fitted(values: dict[str, Tensor], gone: set[str], new: set[str]) -> dict[str, Tensor]:
    """What is remembered of a parameter without what is `gone`, and with zeros, as at first, for what is `new`.

    Of a parameter of which nothing is remembered, nothing is made up: its first step does that.
    """
    kept = {name: value for name, value in values.items() if name not in gone}
    if not kept:
        return kept
    like = max(kept.values(), key=Tensor.dim)  # not the count of steps
    return kept | {name: torch.zeros_like(like) for name in new}
