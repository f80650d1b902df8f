"""Sentences that refuse what is typed, each with the nearest that would be right."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqnet import relations, trust
from seqnet.configuration.choices import choices_of, group_folders, is_nested, no_choice, no_part, owners_of
from seqnet.configuration.keys import leaves
from seqnet.configuration.loading import load, one_sentence, without_hydra
from seqnet.configuration.overrides import config_dir, key_of, parse_overrides, values_of
from seqnet.errors import ConfigurationError, did_you_mean, nearest
from seqnet.trust import CONFIGS

EXTRAS = {"ray": "ray", "submitit_local": "slurm", "submitit_slurm": "slurm"}


def unknown_key(key: str, known: Iterable[str], choices: Mapping[str, str], command: str = "train") -> str:
    """The sentence that refuses a key, naming the choice it belongs to or the nearest right key, of training's too."""
    known = list(known)
    if key in trust.parts() and any(name.startswith(f"{key}.") for name in known):
        return f"{key} is chosen as a group is: in a file by `- override /{trust.parts()[key]}: NAME` in its defaults"
    if (group := key.partition(".")[0]) in trust.NAMED and (owners := owners_of(group, key, choices)):
        there = [*trust.several(group, choices[group]), owners[0].rpartition("=")[2]]
        return f"unknown key '{key}': it belongs to {owners[0]}, so choose {group}=[{','.join(there)}]"
    known += dict.fromkeys(".".join(name.split(".")[:2]) for name in known if name.partition(".")[0] in trust.NAMED)
    package = key.rpartition(".")[0] or key
    group = next((name for name in choices if trust.package_of(name) == package), package)  # cell@decoder_cell
    owners = owners_of(group, key, choices)
    if owners and choices.get(group) in ("null", "None"):
        return f"{key} belongs to a choice that is not made: add {' or '.join(owners)}"
    if owners and group in choices:
        *first, last = owners
        those = f"{', '.join(first)} and {last}" if first else last
        return f"unknown key '{key}': {group}={choices[group]} has none, it belongs to {those}"
    inside = [name for name in known if name.startswith(f"{key}.")]
    if inside:
        return f"'{key}' holds keys of its own, such as {inside[0]}: set those"
    last = key.rpartition(".")[2]
    known += [part for part in trust.parts() if any(name.startswith(f"{part}.") for name in known)]
    known = [*known] if "." in key else [*known, *choices]
    theirs = frozenset() if command == "train" else _chosen_in_training()
    only_theirs = {name for name in theirs if name.partition(".")[0] not in choices}.difference(known)
    said = f"chosen in training; seqnet {command} takes what the run says"
    if key in only_theirs:
        return f"'{key}' is {said}"
    known += sorted(name for name in theirs.difference(known) if ("." in name) == ("." in key))
    namesakes = [name for name in known if name.rpartition(".")[2] == last]
    found = nearest(key, namesakes) or next(iter(namesakes), None) or nearest(key, known)
    if found is None:
        alike = nearest(last, {name.rpartition(".")[2] for name in known})
        found = next((name for name in known if alike and name.rpartition(".")[2] == alike), None)
    hint = (f"; did you mean '{found}'?" if found else "") + (f" ({said})" if found in only_theirs else "")
    return f"unknown key '{key}'{hint}"


@functools.cache
def _chosen_in_training() -> frozenset[str]:
    """The groups of training, the keys of all their choices, and the options of no group but for names of folders."""
    own = leaves(OmegaConf.to_container(OmegaConf.load(CONFIGS / "train.yaml")))  # type: ignore[arg-type]
    found = {*trust.groups(), *(key for key in own if not key.startswith(("defaults", "hydra.")))} - relations.TEXTS
    for name in trust.groups():
        group, _, package = name.partition("@")
        for path in (CONFIGS / group).glob("*.yaml"):
            if not path.read_text(encoding="utf-8").startswith("# @package _global_"):
                found |= leaves({package or group: OmegaConf.to_container(OmegaConf.load(path))}).keys()
    return frozenset(found)


def refusal(error: Exception, command: str, arguments: Sequence[str]) -> ConfigurationError:
    """One sentence for what Hydra says, naming the key or choice and the nearest right one."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        if group == "hydra/launcher" and name in EXTRAS:
            return ConfigurationError(f"{group}={name} is not installed: pip install 'seqnet[{EXTRAS[name]}]'")
        options = [option for option in error.options or choices_of(group) if option != "default" or name != "null"]
        hint = did_you_mean(name, options) or (f": choose one of {', '.join(options)}" if options else "")
        return ConfigurationError(f"unknown {trust.spelled(group)} '{name}'{hint}")
    message = str(error)
    ambiguous = re.match(r"Ambiguous value for argument '(.+)'", message)
    if ambiguous:
        key, _, value = ambiguous[1].partition("=")
        other = "choose one of them" if key in trust.groups() else f"type {key}=[{value}] for one list"
        return ConfigurationError(f"{ambiguous[1]} gives several values: add -m to sweep over them, or {other}")
    unmatched = re.match(r"(?:In '(.+?)': )?Could not override '([^']+)'", message)
    alike = re.search(r"Did you mean to override (?:one of )?(.+)\?", message)
    if unmatched and unmatched[1] is None and unmatched[2] in trust.groups():
        return ConfigurationError(unknown_key(unmatched[2], (), {}, command))
    if unmatched and unmatched[2] in trust.INNER:
        return ConfigurationError(no_part(unmatched[2], unmatched[1]))
    if unmatched and (alike or "No match in the defaults list" in message):
        where = f" in {unmatched[1]}.yaml" if unmatched[1] else ""
        known = alike[1].split(", ") if alike else group_folders()
        return ConfigurationError(f"unknown group '{unmatched[2]}'{where}{did_you_mean(unmatched[2], known)}")
    for override in parse_overrides(arguments):
        group, value = override.key_or_group, override.value()
        if group in group_folders() and not isinstance(value, (str, list)) and not override.is_sweep_override():
            return ConfigurationError(no_choice(override))
        if group in group_folders() and override.is_add() and not is_nested(key_of(str(override.input_line))):
            plain = str(override.input_line).lstrip("+")
            return ConfigurationError(f"cannot add '{override.input_line}', as {group} is chosen already: type {plain}")
    return ConfigurationError(_unknown_typed_key(command, arguments) or one_sentence(message))


def _unknown_typed_key(command: str, arguments: Sequence[str]) -> str | None:
    """The sentence for the first typed key that the typed choices do not know, if there is one."""
    overrides = [override for override in parse_overrides(arguments) if not override.key_or_group.startswith("hydra")]
    groups = [override for override in overrides if trust.is_group(key_of(str(override.input_line)))]
    try:
        first = [f"{override.get_key_element()}={values_of(override)[0]}" for override in groups]
        cfg = load(command, first, config_dir(arguments))
    except (HydraException, OmegaConfBaseException):
        return None
    finally:
        GlobalHydra.instance().clear()
    choices = {group: str(choice) for group, choice in cfg.hydra.runtime.choices.items() if trust.is_group(group)}
    known = leaves(OmegaConf.to_container(without_hydra(cfg)))  # type: ignore[arg-type]
    for override in overrides:
        key = override.key_or_group
        if override not in groups and key not in known and not any(name.startswith(f"{key}.") for name in known):
            return unknown_key(key, known, choices, command)
    return None
