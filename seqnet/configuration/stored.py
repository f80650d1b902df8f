"""The configuration that a run was stored with, and what may be otherwise when it is gone on with."""

import copy
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqnet import folders, relations, trust
from seqnet.configuration.keys import put
from seqnet.configuration.overrides import config_dir, parse_overrides, typed_keys
from seqnet.errors import CheckpointError, ConfigurationError
from seqnet.options import shown
from seqnet.training.manifest import FOLDER, existing, is_checkpoint, verified
from seqnet.trust import CONFIGS

Config = dict[str, Any]
STORED = "config.json"  # in a checkpoint
OF_THE_CALL = ("run_dir", "resume", "trust", "sweep")
CHANGEABLE = ("data.batch_size", "data.batch_tokens", "precision")  # beside whole sections, see `may_change`
SETTLED = ("attention.estimator",)  # whose `auto` is stored as what it became, and is that again
OF_MACHINE = ("device", "threads", "processes")  # what a run is computed with
BEGINNING = (  # where an optimiser's state begins: of no use later
    ("torch.optim.Adagrad", "optimizer.initial_accumulator_value"),
    ("torch.optim.Rprop", "optimizer.lr"),
)


def stored_config(config: Mapping[str, Any]) -> Config | None:
    """The configuration that a run to be gone on with was stored with; None where there is none.

    It is that of the newest checkpoint whose configuration is as it was written, read as plain JSON; whether the
    rest of the checkpoint is whole is found when the run begins.
    """
    resume = config["resume"]
    if resume == "never" or (resume == "auto" and not config["run_dir"]):
        return None
    folder = Path(config["run_dir"] if resume == "auto" else resume)
    found = [folder] if resume != "auto" and is_checkpoint(folder) else existing(folder / FOLDER)
    for path in found:
        try:
            stored = json.loads(verified(path, (STORED,))[STORED])
        except (CheckpointError, KeyError, ValueError, RecursionError):
            continue  # will be named when the run begins
        if isinstance(stored, dict) and isinstance(stored.get("groups"), dict):
            return stored
    return None


def stored_groups(arguments: Sequence[str]) -> list[str]:
    """Overrides for the groups that the stored run was made with and that are not typed."""
    typed = typed_keys(override for override in parse_overrides(arguments) if not override.is_sweep_override())
    stored = stored_config({"resume": typed.get("resume", "auto"), "run_dir": typed.get("run_dir")})
    if stored is None:
        return []
    folders = [CONFIGS, *(Path(folder) for folder in [config_dir(arguments)] if folder)]
    return [
        f"{group}={choice}"
        for group, choice in stored["groups"].items()
        if trust.is_group(group)
        and not {group, trust.package_of(group)} & {*typed, "sweep"}
        and not (group not in trust.groups() and trust.package_of(group).partition(".")[0] in typed)
        and isinstance(choice, str)
        and all(
            re.fullmatch(r"\w{1,100}", name)
            and any((folder / group.partition("@")[0] / f"{name}.yaml").is_file() for folder in folders)
            for name in trust.several(group, choice)
        )
    ]


def merge_stored(
    config: Mapping[str, Any], stored: Mapping[str, Any], typed: Mapping[str, Any], choices: Mapping[str, str]
) -> Config:
    """The configuration to go on with: what is not typed takes the stored value.

    A typed value that differs is refused, except for length limits, patience, `checkpoint.*`, `observers.*`, what a run
    is computed with (`device`, `threads`, `processes`) and `data.num_workers`, which a run that lost a worker is told
    to lower, and in a new folder all that `may_change`; `run_dir`, `resume`, `trust` and what the sweep is that it is a
    job of are always those of the command line. Raises ConfigurationError.
    """
    elsewhere = goes_on_elsewhere(config)
    if isinstance(stored, dict):  # what is chosen anew need not be trusted
        stored = {**stored, **{group: config[group] for group in trust.NAMED if group in typed}}
    merged = copy.deepcopy(trust.checked(stored, config["trust"], config))
    for key in OF_THE_CALL:
        merged[key] = copy.deepcopy(config[key])
    for key in typed:
        group = key.partition(".")[0]
        if key in choices:
            before: Any = merged["groups"].get(key)
            if key == "sweep":
                continue
            if key in ("checkpoint", "observers") or (elsewhere and key == "schedule" and choices[key] != before):
                merged[key] = copy.deepcopy(config[key])
                merged["groups"][key] = choices[key]
            elif choices[key] != before:
                raise ConfigurationError(_differs(key, choices[key], before, config, merged))
            continue
        if group in OF_THE_CALL:
            continue
        now, before = relations.lookup(config, key), relations.lookup(merged, key, None)
        free = group in ("checkpoint", "observers", *OF_MACHINE) or key.startswith("training.max_")
        free |= key in ("training.patience", "data.num_workers")
        if group in trust.NAMED and not isinstance(merged[group].get(named := key.split(".")[1]), dict):
            merged[group][named] = copy.deepcopy(config[group][named])  # not to be told option by option
        elif free or (elsewhere and now != before and may_change(key, merged)):
            put(merged, key, copy.deepcopy(now))
        elif now != before and not (now == "auto" and key in SETTLED):
            raise ConfigurationError(_differs(key, now, before, config, merged))
    for group in trust.NAMED:  # an earlier seqnet stored what is as its file says as true
        merged[group] = {
            name: copy.deepcopy(now) if part is True and isinstance(now := config[group].get(name), dict) else part
            for name, part in merged[group].items()
        }
    sentence = relations.conflict(merged)
    if sentence is not None:
        raise ConfigurationError(sentence)
    return merged


def as_stored(stored: Mapping[str, Any], config: Mapping[str, Any]) -> Config:
    """A stored configuration with what is newer than it as it was then, without what is chosen anew.

    config: that of the command line, which names whom it trusts. Raises ConfigurationError and CheckpointError.
    """
    return trust.checked({**stored, **{group: {} for group in trust.NAMED}}, config["trust"], config)


def _differs(key: str, now: Any, before: Any, config: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    typed, run = f"{key}={shown(now)}", shlex.quote(str(config["run_dir"] or "RUN"))
    if goes_on_elsewhere(config):
        run = shlex.quote(config["resume"])
        otherwise = f"begin a new run with its weights, as far as they fit: init_from={run} in place of resume={run}"
    elif may_change(key, stored):
        otherwise = f"go on with the change in a new folder: resume={run} run_dir=NEW {typed}"
    else:
        otherwise = "give another run_dir"
    return f"{typed}, but the stored run has {key}={shown(before)}: leave it out to go on with the run, or {otherwise}"


def goes_on_elsewhere(config: Mapping[str, Any]) -> bool:
    """Whether a run is gone on with in a new folder."""
    return config["resume"] not in ("auto", "never")


def may_change(key: str, stored: Mapping[str, Any]) -> bool:
    """Whether a run may be gone on with in a new folder with another value of `key`, or another choice of that group.

    Weights, the optimiser's state and the step must mean the same with it.
    """
    group, last = key.partition(".")[0], key.rpartition(".")[2]
    if (relations.lookup(stored, "optimizer._target_", None), key) in BEGINNING or key == "optimizer._target_":
        return False
    inside = group in ("optimizer", "training") and group != key
    return inside or group == "schedule" or key in CHANGEABLE or last == "dropout" or last.endswith("_dropout")


def changes(
    config: Mapping[str, Any], stored: Mapping[str, Any], typed: Iterable[str], choices: Mapping[str, str]
) -> dict[str, list[Any]]:
    """What a run in a new folder does otherwise than the stored one: key or group -> [before, now]."""
    found = {}
    for key in typed:
        place = f"groups.{key}" if key in choices else key
        before, now = (relations.lookup(one, place, None) for one in (stored, config))
        if before != now and may_change(key, stored):
            found[key] = [before, now]
    return found


def run_folder(config: Mapping[str, Any]) -> Path:
    """Where a run lives: `run_dir`, or a new folder named after the experiment and the time."""
    if config["run_dir"]:
        return Path(config["run_dir"])
    return folders.new(Path("outputs") / config["groups"]["experiment"])
