"""Compose a configuration with Hydra and check it, without torch.

Known keys are those of the chosen group files composed without the experiment: whatever an experiment file or
a `+key` adds to them is refused. Types are those of the defaults; ranges of keys of no class, and what
cannot go together among them, are in `relations`. What classes say is checked in `build` and `fits`, with torch.
"""

import copy
import functools
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqnet import folders, own_files, relations, trust
from seqnet.errors import CheckpointError, ConfigurationError, did_you_mean, nearest
from seqnet.options import shown
from seqnet.training.manifest import FOLDER, existing, is_checkpoint, verified
from seqnet.trust import CONFIGS

Config = dict[str, Any]

STORED = "config.json"  # in a checkpoint
CHANGES = ("experiment", "debug")  # groups that hold no keys of their own
TEXT_OF_A_FIELD = re.compile(
    r"data\.fields\.\w+\.(column|separator)|data\.format\.(delimiter|encoding|name_pattern|header)"
)
LISTS = re.compile(r"data\.path|data\.fields\.\w+\.column")  # text, or a list of texts
OF_HYDRA = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep.")
CHANGEABLE = ("data.batch_size", "data.batch_tokens", "precision")  # beside whole sections, see `may_change`
BEGINNING = (  # where an optimiser's state begins: of no use later
    ("torch.optim.Adagrad", "optimizer.initial_accumulator_value"),
    ("torch.optim.Rprop", "optimizer.lr"),
)
EXTRAS = {"joblib": "sweep", "submitit_local": "slurm", "submitit_slurm": "slurm"}


@dataclass(frozen=True)
class Composed:
    """A configuration that was checked. typed: the keys and groups given on the command line."""

    config: Config  # resolved and plain, with the group choices under `groups`
    typed: dict[str, Any]
    choices: dict[str, str]
    defaults: dict[str, Any]  # what each key is where nobody says it; nothing in a job of a sweep
    places: tuple[Path, ...]  # where the files of groups are found


# ------------------------------------------------------------------- composing


def quoted(argument: str) -> str:
    """An override of a key that holds text, quoted for Hydra's grammar unless it is already."""
    key, equals, value = argument.partition("=")
    key = key.lstrip("+")
    text = key in relations.TEXTS or TEXT_OF_A_FIELD.fullmatch(key) is not None
    if (
        not equals
        or not text
        or value == "null"
        or value[:1] in ("'", '"')
        or (LISTS.fullmatch(key) and value[:1] == "[")
    ):
        return argument
    return f"{argument.partition('=')[0]}={quote(value)}"


def quote(value: str) -> str:
    """Text in quotes of Hydra's grammar, in which a backslash counts before a quote only."""
    return "'" + re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value) + "'"


def run_hydra(command: str, arguments: Sequence[str], job: Callable[[Callable[[], Composed]], Any]) -> None:
    """Hand the command line to Hydra, which calls `job` for each configuration, or shows what it is asked for.

    `job` gets a function that makes the checked configuration or raises ConfigurationError; it must itself not
    raise: in a sweep that would end all of it. Raises ConfigurationError for what cannot be composed.
    """
    overrides = parse_overrides(arguments)
    typed = [override.input_line for override in overrides]
    flags = [argument for argument in arguments if argument not in typed]  # first, as Hydra's parser wants them
    stored = []
    if command == "train" and not is_sweep(arguments):
        for key, value in typed_keys(overrides).items():
            if key in ("run_dir", "resume") and (sentence := relations.OPTIONS[key].refusal(key, value)):
                raise ConfigurationError(sentence)
        stored = stored_groups(arguments)
    _check_own_files(arguments, [*overrides, *parse_overrides(stored)])
    stored = _settled(command, stored, arguments)
    arguments = _settled(command, arguments)
    typed = [override.input_line for override in parse_overrides(arguments)]

    def composed(cfg: DictConfig) -> Any:
        hydra_config: Any = HydraConfig.get()
        return job(lambda: checked(cfg, hydra_config, command, stored))

    before = sys.argv
    sys.argv = ["seqnet", *flags, *[argument for argument in arguments if argument in typed], *stored]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise, so that the sentence is ours
    try:
        hydra.main(config_path=str(CONFIGS), config_name=command, **_version_options())(composed)()
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise refusal(error, command, arguments) from error
    finally:
        sys.argv = before


def _version_options() -> dict[str, Any]:
    if tuple(int(part) for part in re.findall(r"\d+", hydra.__version__)[:2]) < (1, 4):
        return {"version_base": "1.3"}
    return {"execution_whitelist": ("seqnet.*", "hydra_plugins.*")}


def compose(command: str, arguments: Sequence[str], sweeping: bool = False) -> Composed:
    """The configuration of one run, checked, without Hydra's command line. Raises ConfigurationError.

    sweeping: it is to be one of a sweep, in a folder that is not known yet.
    """
    _check_own_files(arguments, parse_overrides(arguments))
    arguments = _settled(command, arguments)
    overrides = parse_overrides(arguments)
    try:
        cfg = _load(command, [str(override.input_line) for override in overrides], _config_dir(arguments))
        return checked(cfg, cfg["hydra"], command, sweeping=sweeping)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise refusal(error, command, arguments) from error
    finally:
        GlobalHydra.instance().clear()


def _load(command: str, overrides: list[str], config_dir: str | None) -> DictConfig:
    """Compose outside `hydra.main`; Hydra stays initialised for the caller to clear."""
    GlobalHydra.instance().clear()
    options = {key: value for key, value in _version_options().items() if key == "version_base"}
    hydra.initialize_config_dir(str(CONFIGS), **options)
    if config_dir is not None:
        overrides = [*overrides, f"hydra.searchpath=[{quote('file://' + os.path.abspath(config_dir))}]"]
    return _loader().load_configuration(command, overrides, RunMode.RUN, from_shell=False)


def _settled(command: str, arguments: Sequence[str], beside: Sequence[str] = ()) -> list[str]:
    """The arguments with `+` before choices of a field that the rest does not make, and none before those it makes.

    beside: what else is typed. What is there is seen from the experiment and data chosen; one spelling serves for both.
    """
    named = [argument for argument in arguments if _is_nested(_key(argument))]
    if not named:
        return list(arguments)
    groups = [argument for argument in (*arguments, *beside) if _key(argument) in trust.groups()]
    first = [f"{override.get_key_element()}={_values(override)[0]}" for override in parse_overrides(groups)]
    try:
        there = _load(command, first, _config_dir([*arguments, *beside])).hydra.runtime.choices
    except (HydraException, OmegaConfBaseException):
        return list(arguments)  # which will be told when all of it is composed
    finally:
        GlobalHydra.instance().clear()
    settled = []
    for argument in arguments:
        plain = argument.lstrip("+")
        settled.append(argument if argument not in named else plain if _key(plain) in there else f"+{plain}")
    return settled


def _key(argument: str) -> str:
    return argument.partition("=")[0].lstrip("+")


def _is_nested(group: str) -> bool:
    """Whether it is a group chosen at a name of the user's, such as `field@data.fields.word`."""
    return "@" in group and trust.is_group(group) and group not in trust.groups()


def _loader() -> ConfigLoader:
    return GlobalHydra.instance().config_loader()


def parse_overrides(arguments: Sequence[str]) -> list[Override]:
    """The overrides of a command line. Raises ConfigurationError for what is none, and for an unknown flag."""
    parser = get_args_parser()

    def refuse(message: str) -> None:
        flag = re.search(r"(--?[\w-]+)", message)
        known = [text for action in parser._actions for text in action.option_strings]
        raise ConfigurationError(f"{message}{did_you_mean(flag[1], known) if flag and flag[1] not in known else ''}")

    parser.allow_abbrev = False  # --experiment would be Hydra's --experimental-rerun
    parser.error = refuse  # type: ignore[assignment]
    parsed = parser.parse_intermixed_args(list(arguments))
    if parsed.config_dir is not None and not Path(parsed.config_dir).is_dir():
        raise ConfigurationError(f"--config-dir {parsed.config_dir}: there is no such folder")
    if parsed.config_name or parsed.config_path:
        raise ConfigurationError("--config-name and --config-path are seqnet's own: add to its files with --config-dir")
    overrides = []
    for line in parsed.overrides:
        try:
            override = OverridesParser.create().parse_override(line)
        except HydraException as error:
            told = shown(line)
            if "=" not in line:
                raise ConfigurationError(
                    f"cannot read '{told}': it must be KEY=VALUE, such as run={told} for the folder of a run"
                ) from error
            raise ConfigurationError(
                f"cannot read '{told}': it must be KEY=VALUE, and a value that holds = , ( [ {{ or quotes must be "
                f"quoted twice, as in 'KEY=\"a=b\"'"
            ) from error
        if not override.key_or_group:
            raise ConfigurationError(f"cannot read '{shown(line)}': it must be KEY=VALUE, and there is no key")
        if override.is_delete():
            raise ConfigurationError(f"cannot take out '{line[1:]}': give it a value instead, or null where it may be")
        key, named = override.key_or_group, override.get_key_element().lstrip("+")
        if named in trust.NESTED:
            raise ConfigurationError(_unnamed(named))
        if "@" in named and not trust.is_group(named):
            nested = [f"{group}@{named.partition('@')[2]}" for group in trust.NESTED]
            raise ConfigurationError(f"unknown group '{named}'{did_you_mean(named, [*trust.groups(), *nested])}")
        if re.match(r"hydra\b", key) and not key.startswith(OF_HYDRA):
            raise ConfigurationError(
                f"cannot set {key}: of Hydra's own options only those of its launcher and sweeper can be chosen; where "
                "a run lives is run_dir, and further files are found with --config-dir"
            )
        overrides.append(override)
    _refuse_twice(overrides)
    return overrides


def _refuse_twice(overrides: Iterable[Override]) -> None:
    """Refuse a key that is given two values, of which Hydra would take the last."""
    given: dict[str, Any] = {}
    for override in overrides:
        line = str(override.input_line)
        key, value = override.get_key_element().lstrip("+"), line.partition("=")[2]
        if given.setdefault(key, value) != value:
            raise ConfigurationError(
                f"{key} is given twice, as {shown(given[key])} and as {shown(value)}: leave one out"
            )


def _check_own_files(arguments: Sequence[str], overrides: Iterable[Override]) -> None:
    """Look at the user's own files that are chosen. Raises ConfigurationError."""
    folder = _config_dir(arguments)
    if folder is not None:
        chosen = [override for override in overrides if override.key_or_group in _groups()]
        own_files.check(Path(folder), [f"{one.key_or_group}/{value}" for one in chosen for value in _values(one)])


def is_sweep(arguments: Sequence[str]) -> bool:
    """Whether `-m` is among the arguments."""
    return "-m" in arguments or "--multirun" in arguments


def _config_dir(arguments: Sequence[str]) -> str | None:
    found: str | None = get_args_parser().parse_known_args(list(arguments))[0].config_dir
    return found


# -------------------------------------------------------------------- checking


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
    _check_choices(choices, task, command)
    in_job = hydra_config.mode == RunMode.MULTIRUN
    if not (in_job or sweeping) and ("sweep" in typed_keys(task) or choices.get("sweep", "grid") != "grid"):
        raise ConfigurationError(f"sweep={choices['sweep']} chooses the values of a sweep: add -m, and ranges to sweep")
    asked = typed_keys(task)
    places = tuple(place.path for place in _loader().get_search_path().get_path())
    search = tuple(hydra_config.searchpath or ())
    config = _plain(cfg)
    _settle_fields(config, choices, asked, _reference(command, _as_overrides(choices, False, search), places), stored)
    reference = _reference(command, _as_overrides(choices, True, search), places)
    config = _without_what_fell_away(config, reference, choices, asked)
    config = _checked_keys(config, reference, choices, command)
    config["groups"] = choices
    typed = typed_keys(override for override in task if override.input_line not in stored)
    if command == "train":
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
    defaults = {} if in_job else leaves(reference) | leaves({"groups": trust.default_choices()})
    named = dict.fromkeys(place.removeprefix("file://") for place in (*places, *hydra_config.searchpath) if place)
    return Composed(config, typed, choices, defaults, tuple(Path(place) for place in named if os.path.isdir(place)))


def _as_overrides(choices: Mapping[str, str], nested: bool, search: Sequence[str]) -> tuple[str, ...]:
    """Overrides that make the choices again, without what an experiment says beside them; `nested` ones too, or not."""
    lines = [
        f"~{group}" if group in CHANGES or choice == "null" else f"{'+' * _is_nested(group)}{group}={choice}"
        for group, choice in choices.items()
        if nested or not _is_nested(group)
    ]
    return (*lines, f"hydra.searchpath=[{','.join(map(quote, search))}]") if search else tuple(lines)


def _settle_fields(
    config: Config,
    choices: dict[str, str],
    typed: Mapping[str, Any],
    reference: Mapping[str, Any],
    stored: Sequence[str],
) -> None:
    """Leave out fields that nothing reads or asks for, if the experiment brought them. Raises ConfigurationError.

    reference: what the choices say without those of fields. stored: overrides of a run to go on with, whose inputs and
    target are not known yet.
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
    if not reads_fields:
        del data["fields"]


@functools.lru_cache(maxsize=64)
def _reference(command: str, groups: tuple[str, ...], places: tuple[str, ...]) -> Config:
    """What the choices alone say, not to be changed. Read once: the jobs of a sweep differ in other things."""
    return _plain(_loader().load_configuration(command, list(groups), RunMode.RUN, from_shell=False))


def _check_choices(choices: Mapping[str, str], task: Iterable[Override], command: str) -> None:
    """Refuse a group that is none or training's, which Hydra would add, and several choices, which it would merge."""
    for group in choices:
        if group in trust.NESTED:
            raise ConfigurationError(_unnamed(group))
        if not trust.is_group(group):
            raise ConfigurationError(f"unknown group '{group}'{did_you_mean(group, trust.groups())}")
    for override in task:
        if override.is_add() and command != "train" and (added := override.get_key_element().lstrip("+")) in choices:
            raise ConfigurationError(unknown_key(added, (), {}, command))
        if override.key_or_group in _groups() and isinstance(override.value(), list):
            raise ConfigurationError(_no_choice(override))


def _unnamed(group: str) -> str:
    """The sentence that refuses a choice of a group of which each has a name, without one."""
    return f"{group} is chosen for a name of yours: +{group}@{trust.NESTED[group]}.NAME=..."


def _no_choice(override: Override) -> str:
    """The sentence that refuses what is no choice of a group."""
    choices = ", ".join(_choices_of(override.key_or_group))
    return f"{override.get_key_element().lstrip('+')}={shown(override.value())}: choose one of {choices}"


def _plain(cfg: DictConfig) -> Config:
    """Resolved, without `hydra`. Raises ConfigurationError for an interpolation or a `???` that cannot be."""
    try:
        found = OmegaConf.to_container(_without_hydra(cfg), resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        where = "" if error.full_key is None else f"{error.full_key}: "
        raise ConfigurationError(_unresolved(str(error)) or f"{where}{one_sentence(str(error))}") from error
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def _unresolved(message: str) -> str | None:
    """The sentence for an option that is another's value, where the choice made has no such other option."""
    found = re.search(r"Interpolation key '(\w+)\.(\w+)' not found\s+full_key: ((\w+)\.\S+)", message)
    if found is None:
        return None
    group, rest, key, own = found.groups()
    owners = [
        f"{group}={name}" for name in _choices_of(group) if _has(CONFIGS / group / f"{name}.yaml", found[1], rest)
    ]
    return (
        f"{key} is what {group}.{rest} says, and the chosen {group} does not say it: "
        f"choose {' or '.join(owners)}, or another {own}"
    )


def _without_hydra(cfg: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"])  # type: ignore[misc]


def leaves(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value, for everything that is not itself a (non-empty) mapping."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _without_what_fell_away(
    config: Config, reference: Config, choices: Mapping[str, str], chosen: Mapping[str, Any]
) -> Config:
    """Leave out what an experiment says of its own choice, where another choice was made that has no such option."""
    known = leaves(reference)
    packages = {trust.package_of(group): group for group in choices}
    for key in leaves(config):
        package, _, last = key.rpartition(".")
        group = packages.get(package, package)
        if key not in known and key not in chosen and group in chosen and _owners(group, key, choices):
            lookup_section(config, package).pop(last, None)
    return config


def lookup_section(config: Config, package: str) -> Config:
    """The section at a dotted key."""
    for part in package.split("."):
        config = config[part]
    return config


def _checked_keys(config: Config, reference: Config, choices: Mapping[str, str], command: str) -> Config:
    """The configuration with numbers in their defaults' types. Raises ConfigurationError."""
    defaults = leaves(reference)
    for key, value in leaves(config).items():
        if key not in defaults:
            raise ConfigurationError(unknown_key(key, defaults, choices, command))
        of_class = f"{key.partition('.')[0]}._target_" in defaults
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


def put(config: Config, key: str, value: Any) -> None:
    """Set a dotted key of a nested configuration."""
    *parents, last = key.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
    config[last] = value


def unknown_key(key: str, known: Iterable[str], choices: Mapping[str, str], command: str = "train") -> str:
    """The sentence that refuses a key, naming the choice it belongs to or the nearest right key, of training's too."""
    package = key.rpartition(".")[0] or key
    group = next((name for name in choices if trust.package_of(name) == package), package)  # cell@decoder_cell
    owners = _owners(group, key, choices)
    if owners and choices.get(group) in ("null", "None"):
        return f"{key} belongs to a choice that is not made: add {' or '.join(owners)}"
    if owners and group in choices:
        return f"unknown key '{key}': {group}={choices[group]} has none, it belongs to {' and '.join(owners)}"
    known = list(known)
    inside = [name for name in known if name.startswith(f"{key}.")]
    if inside:
        return f"'{key}' holds keys of its own, such as {inside[0]}: set those"
    last = key.rpartition(".")[2]
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


def _owners(group: str, key: str, choices: Mapping[str, str]) -> list[str]:
    """The other choices of a group that have a key of its package."""
    folder, package = group.partition("@")[0], f"{trust.package_of(group)}."
    rest = key.removeprefix(package) if key.startswith(package) else ""
    return [
        f"{group}={name}"
        for name in _choices_of(folder)
        if rest and name != choices.get(group) and _has(CONFIGS / folder / f"{name}.yaml", key, rest)
    ]


def _has(path: Path, key: str, rest: str) -> bool:
    """Whether a group file holds a key, in its own package or in the global one."""
    cfg = OmegaConf.to_container(OmegaConf.load(path))
    keys = leaves(cfg) if isinstance(cfg, dict) else {}  # type: ignore[arg-type]
    return rest in keys or key in keys


def _choices_of(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


def typed_keys(overrides: Iterable[Override]) -> dict[str, Any]:
    """Dotted key or group -> value, as typed; `a={b: 1}` counts as `a.b=1`."""
    typed: dict[str, Any] = {}
    for override in overrides:
        key, value = override.get_key_element().lstrip("+"), override.value()
        if not key.startswith("hydra"):
            typed |= leaves({key: value})
    return typed


# ------------------------------------------------------------ Hydra's refusals


def refusal(error: Exception, command: str, arguments: Sequence[str]) -> ConfigurationError:
    """One sentence for what Hydra says, naming the key or choice and the nearest right one."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        if group == "hydra/launcher" and name in EXTRAS:
            return ConfigurationError(f"{group}={name} is not installed: pip install 'seqnet[{EXTRAS[name]}]'")
        options = [option for option in error.options or () if option != "default" or name != "null"]
        hint = did_you_mean(name, options) or (f": choose one of {', '.join(options)}" if options else "")
        return ConfigurationError(f"unknown {group} '{name}'{hint}")
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
        return ConfigurationError(
            f"{unmatched[2]} is a part of data=table, and the chosen data has none: leave it out, or choose data=table"
        )
    if unmatched and (alike or "No match in the defaults list" in message):
        where = f" in {unmatched[1]}.yaml" if unmatched[1] else ""
        known = alike[1].split(", ") if alike else _groups()
        return ConfigurationError(f"unknown group '{unmatched[2]}'{where}{did_you_mean(unmatched[2], known)}")
    for override in parse_overrides(arguments):
        group, value = override.key_or_group, override.value()
        if group in _groups() and not isinstance(value, (str, list)) and not override.is_sweep_override():
            return ConfigurationError(_no_choice(override))
        if group in _groups() and override.is_add() and not _is_nested(_key(str(override.input_line))):
            plain = str(override.input_line).lstrip("+")
            return ConfigurationError(f"cannot add '{override.input_line}', as {group} is chosen already: type {plain}")
    return ConfigurationError(_unknown_typed_key(command, arguments) or one_sentence(message))


def _groups() -> list[str]:
    own = (path.name for path in CONFIGS.iterdir() if path.is_dir() and path.name != "hydra")
    return sorted((*own, *trust.INNER))


def _unknown_typed_key(command: str, arguments: Sequence[str]) -> str | None:
    """The sentence for the first typed key that the typed choices do not know, if there is one."""
    overrides = [override for override in parse_overrides(arguments) if not override.key_or_group.startswith("hydra")]
    groups = [override for override in overrides if trust.is_group(_key(str(override.input_line)))]
    try:
        first = [f"{override.get_key_element()}={_values(override)[0]}" for override in groups]
        cfg = _load(command, first, _config_dir(arguments))
    except (HydraException, OmegaConfBaseException):
        return None
    finally:
        GlobalHydra.instance().clear()
    choices = {group: str(choice) for group, choice in cfg.hydra.runtime.choices.items() if trust.is_group(group)}
    known = leaves(OmegaConf.to_container(_without_hydra(cfg)))  # type: ignore[arg-type]
    for override in overrides:
        key = override.key_or_group
        if override not in groups and key not in known and not any(name.startswith(f"{key}.") for name in known):
            return unknown_key(key, known, choices, command)
    return None


def _values(override: Override) -> list[str]:
    """The value of an override as typed, of a sweep all that it has."""
    if override.is_discrete_sweep():
        return [str(value) for value in override.sweep_string_iterator()]
    return [override.get_value_element_as_str()]


def one_sentence(message: str) -> str:
    """A message of several lines as one."""
    lines = [line.strip() for line in message.splitlines()]
    kept = [line.rstrip(".") for line in lines if line and not line.startswith(("full_key:", "object_type="))]
    return "; ".join(kept)


# -------------------------------------------------------------- stored settings


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
    folders = [CONFIGS, *(Path(folder) for folder in [_config_dir(arguments)] if folder)]
    return [
        f"{group}={choice}"
        for group, choice in stored["groups"].items()
        if trust.is_group(group)
        and group not in (*typed, "sweep")
        and not (group not in trust.groups() and trust.package_of(group).partition(".")[0] in typed)
        and isinstance(choice, str)
        and re.fullmatch(r"\w{1,100}", choice)
        and any((folder / group.partition("@")[0] / f"{choice}.yaml").is_file() for folder in folders)
    ]


def merge_stored(
    config: Mapping[str, Any], stored: Mapping[str, Any], typed: Mapping[str, Any], choices: Mapping[str, str]
) -> Config:
    """The configuration to go on with: what is not typed takes the stored value.

    A typed value that differs is refused, except for length limits, patience, `checkpoint.*`, `observers.*`, `device`
    and `data.num_workers`, which a run that lost a worker is told to lower, and in a new folder all that `may_change`;
    `run_dir`, `resume` and `trust` are always those of the command line. Raises ConfigurationError.
    """
    elsewhere = goes_on_elsewhere(config)
    merged = copy.deepcopy(trust.checked(stored, config["trust"], config))
    for key in ("run_dir", "resume", "trust"):
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
        if key in ("run_dir", "resume", "trust"):
            continue
        now, before = relations.lookup(config, key), relations.lookup(merged, key, None)
        free = group in ("checkpoint", "observers", "device") or key.startswith("training.max_")
        free |= key in ("training.patience", "data.num_workers")
        if free or (elsewhere and now != before and may_change(key, merged)):
            put(merged, key, copy.deepcopy(now))
        elif now != before:
            raise ConfigurationError(_differs(key, now, before, config, merged))
    sentence = relations.conflict(merged)
    if sentence is not None:
        raise ConfigurationError(sentence)
    return merged


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
