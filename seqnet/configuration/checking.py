"""Is what Hydra composed a configuration?

Known keys are those of the chosen group files composed without the experiment: whatever an experiment file or
a `+key` adds to them is refused. Types are those of the defaults; ranges of keys of no class, and what
cannot go together among them, are in `relations`. What classes say is checked in `build` and `fits`, with torch.
"""

import copy
import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from seqnet import relations, trust
from seqnet.configuration.choices import CHANGES, group_folders, is_nested, no_choice, no_part, owners_of, unnamed
from seqnet.configuration.keys import leaves, lookup_section, put
from seqnet.configuration.loading import loader, plain
from seqnet.configuration.overrides import quote, typed_keys
from seqnet.configuration.refusals import unknown_key
from seqnet.configuration.stored import merge_stored, stored_config
from seqnet.errors import ConfigurationError, did_you_mean

Config = dict[str, Any]


@dataclass(frozen=True)
class Composed:
    """A configuration that was checked. typed: the keys and groups given on the command line."""

    config: Config  # resolved and plain, with the group choices under `groups`
    typed: dict[str, Any]
    choices: dict[str, str]
    defaults: dict[str, Any]  # what each key is where nobody says it; nothing in a job of a sweep
    places: tuple[Path, ...]  # where the files of groups are found


def checked(
    cfg: DictConfig, hydra_config: DictConfig, command: str, stored: Sequence[str] = (), sweeping: bool = False
) -> Composed:
    """Check keys, types, ranges and contradictions of what Hydra composed. Raises ConfigurationError.

    stored: overrides that no one typed. Of a run that is gone on with, the stored configuration is merged in.
    A job of a sweep lives in its own folder and runs on one thread.
    """
    choices = {
        group: "null" if choice is None else str(choice)
        for group, choice in hydra_config.runtime.choices.items()
        if not group.startswith("hydra/")
    }
    lines: Any = OmegaConf.to_container(hydra_config.overrides.task, resolve=False)  # as typed
    task = OverridesParser.create().parse_overrides(lines)
    search = tuple(hydra_config.searchpath or ())
    choices |= _several(command, lines, search, choices)
    _check_choices(choices, task, command)
    in_job = hydra_config.mode == RunMode.MULTIRUN
    of_a_sweep = in_job or sweeping
    asked = typed_keys(task)
    if not of_a_sweep and ("sweep" in asked or choices.get("sweep", "grid") != "grid"):
        raise ConfigurationError(f"sweep={choices['sweep']} chooses the values of a sweep: add -m, and ranges to sweep")
    if not of_a_sweep and (of_sweep := [key for key in asked if key.startswith("sweep.")]):
        raise ConfigurationError(f"{of_sweep[0]} is an option of a sweep: add -m, or leave it out")
    places = tuple(place.path for place in loader().get_search_path().get_path())
    config = plain(cfg)
    _settle_parts(config, choices, asked)
    _settle_fields(config, choices, asked, _reference(command, _as_overrides(choices, False, search), places), stored)
    reference = _settle_named(config, _reference(command, _as_overrides(choices, True, search), places))
    config = _without_what_fell_away(config, reference, choices, asked)
    config = _checked_keys(config, reference, choices, command)
    _settle_generated(config, reference, asked)
    config["groups"] = choices
    typed = typed_keys(override for override in task if override.input_line not in stored)
    if command == "train":
        if of_a_sweep and config["processes"] > 1:
            raise ConfigurationError(
                f"processes={config['processes']}, but the jobs of a sweep have one process each: leave it out, or -m"
            )
        if in_job:
            config["run_dir"] = os.path.relpath(hydra_config.runtime.output_dir)
            if "threads" not in typed:
                config["threads"] = 1
        before = stored_config(config)
        if before is not None:
            config = merge_stored(config, before, typed, choices)
            choices = config["groups"]
    sentence = relations.conflict(config)
    if sentence is None and "schedule.warmup_steps" in typed:
        sentence = relations.long_warmup(config, config["training"]["max_steps"])
    if sentence is not None:
        raise ConfigurationError(sentence)
    # What one job of a sweep has no use for, another may have.
    chosen = trust.default_parts() | trust.default_choices()
    defaults = {} if in_job else leaves(reference) | leaves({"groups": chosen})
    named = dict.fromkeys(place.removeprefix("file://") for place in (*places, *hydra_config.searchpath) if place)
    return Composed(config, typed, choices, defaults, tuple(Path(place) for place in named if os.path.isdir(place)))


def _as_overrides(choices: Mapping[str, str], nested: bool, search: Sequence[str]) -> tuple[str, ...]:
    """Overrides that make the choices again, without what an experiment says beside them; `nested` ones too, or not."""
    lines = [
        f"~{group}" if group in CHANGES or choice == "null" else f"{'+' * is_nested(group)}{group}={choice}"
        for group, choice in choices.items()
        if nested or not is_nested(group)
    ]
    return (*lines, *_found_in(search))


def _found_in(search: Sequence[str]) -> tuple[str, ...]:
    return (f"hydra.searchpath=[{','.join(map(quote, search))}]",) if search else ()


def _several(command: str, lines: Sequence[str], search: Sequence[str], choices: Mapping[str, str]) -> dict[str, str]:
    """The choices of groups of which several are chosen, as they are typed: Hydra does not tell them."""
    asked = [group for group in trust.NAMED if command == "train" and group not in choices]
    if not asked:
        return {}
    made = loader().compute_defaults_list(command, [*lines, *_found_in(search)], RunMode.RUN).defaults
    paths = [entry.config_path or "" for entry in made]
    return {
        group: f"[{','.join(path.partition('/')[2] for path in paths if path.startswith(f'{group}/'))}]"
        for group in asked
    }


@functools.lru_cache(maxsize=64)
def _reference(command: str, groups: tuple[str, ...], places: tuple[str, ...]) -> Config:
    """What the choices alone say, not to be changed. Read once: the jobs of a sweep differ in other things."""
    return plain(loader().load_configuration(command, list(groups), RunMode.RUN, from_shell=False))


def _check_choices(choices: Mapping[str, str], task: Iterable[Override], command: str) -> None:
    """Refuse a group that is none or training's, which Hydra would add, and several choices, which it would merge."""
    for group in choices:
        if group in trust.NESTED:
            raise ConfigurationError(unnamed(group))
        if not trust.is_group(group):
            raise ConfigurationError(f"unknown group '{group}'{did_you_mean(group, trust.groups())}")
    for override in task:
        if override.is_add() and command != "train" and (added := override.get_key_element().lstrip("+")) in choices:
            raise ConfigurationError(unknown_key(added, (), {}, command))
        group = override.key_or_group
        if group in group_folders() and group not in trust.NAMED and isinstance(override.value(), list):
            raise ConfigurationError(no_choice(override))


def _settle_parts(config: Config, choices: dict[str, str], typed: Mapping[str, Any]) -> None:
    """Leave out the choice of a part of what is none itself, if the experiment brought it.

    Raises ConfigurationError.
    """
    for group in [group for group in trust.INNER if group in choices and config.get(group.partition("/")[0]) is None]:
        if choices[group] != "null" and group in typed:
            raise ConfigurationError(no_part(group))
        del choices[group]


def _settle_fields(
    config: Config,
    choices: dict[str, str],
    typed: Mapping[str, Any],
    reference: Mapping[str, Any],
    stored: Sequence[str],
) -> None:
    """Leave out fields that nothing reads or asks for, and their encoders, if the experiment brought them.

    reference: what the choices say without those of fields. stored: overrides of a run to go on with, whose inputs and
    target are not known yet. Raises ConfigurationError.
    """
    fields = {trust.package_of(group): group for group in choices if group.startswith("field@")}
    if not fields or (stored and "fields" in reference["data"]):
        return
    typed = {} if stored else typed
    data = config["data"]
    reads_fields = "fields" in reference["data"]
    used = [*data.get("inputs", ()), data.get("target")] if reads_fields else []
    for package, group in fields.items():
        name = package.rpartition(".")[2]
        if name in used:
            continue
        if group in typed and not reads_fields:
            raise ConfigurationError(
                f"{group}={choices[group]}: data={choices['data']} has columns of its own and reads no fields: leave "
                "it out, or choose data=table"
            )
        if group in typed:
            raise ConfigurationError(
                f"{group}={choices[group]} is neither read nor asked for: add {name} to data.inputs, make it "
                "data.target, or leave it out"
            )
        del choices[group], data["fields"][name]
        encoder = f"model/encoder@model.encoders.{name}"
        if encoder in choices and encoder not in typed:  # which the experiment brought for it
            del choices[encoder], config["model"]["encoders"][name]
    if not reads_fields:
        del data["fields"]


def _settle_named(config: Config, reference: Config) -> Config:
    """Make what is `true` of parts by their names what its file says, and what is `false` null, as what is taken out.

    Returns the reference without what is taken out.
    """
    reference = dict(reference)
    for group in trust.NAMED:
        if not isinstance(config.get(group), dict):
            continue
        known = reference[group] = dict(reference[group])
        for name, part in config[group].items():
            if isinstance(known.get(name), dict) and not isinstance(part, dict):
                if part is True:
                    config[group][name] = copy.deepcopy(known[name])
                elif part is None or part is False:
                    config[group][name] = known[name] = None
    return reference


def _settle_generated(config: Config, reference: Config, typed: Mapping[str, Any]) -> None:
    """Where files are read, an experiment's options of the rows that are drawn in their place are of no use."""
    data = config.get("data") or {}
    if not data.get("generated") or (data["path"] is None and data["name"] is None):
        return
    for key, value in reference["data"]["generated"].items():
        if f"data.generated.{key}" not in typed:
            data["generated"][key] = value


def _without_what_fell_away(
    config: Config, reference: Config, choices: Mapping[str, str], chosen: Mapping[str, Any]
) -> Config:
    """Leave out what an experiment says of its own choice, where another choice was made that has no such option."""
    known = leaves(reference)
    packages = {trust.package_of(group): group for group in choices}
    for key in leaves(config):
        package, _, last = key.rpartition(".")
        group = packages.get(package, package)
        if key not in known and key not in chosen and group in chosen and owners_of(group, key, choices):
            lookup_section(config, package).pop(last, None)
    return config


def _checked_keys(config: Config, reference: Config, choices: Mapping[str, str], command: str) -> Config:
    """The configuration with numbers in their defaults' types. Raises ConfigurationError."""
    defaults = leaves(reference)
    for key, value in leaves(config).items():
        if key not in defaults:
            raise ConfigurationError(unknown_key(key, defaults, choices, command))
        of_class = any(f"{above}._target_" in defaults for above in (key.partition(".")[0], key.rpartition(".")[0]))
        sentence = relations.option(key, defaults[key], command, of_class).refusal(key, value)
        if sentence is not None:
            raise ConfigurationError(sentence)
        put(config, key, _in_the_type_of(defaults[key], value))
    for key in defaults.keys() - leaves(config).keys():
        raise ConfigurationError(f"{key} is missing: an experiment file may change a value, not take a key away")
    return config


def _in_the_type_of(default: Any, value: Any) -> Any:
    """A whole number as a float where the default is one, in lists too: torch tells them apart."""
    if isinstance(default, list) and isinstance(value, list):
        return [_in_the_type_of(default[0], part) for part in value] if default else value
    return float(value) if isinstance(default, float) and isinstance(value, int) else value
