"""What a stored configuration may say: it is data, and whoever handed the run on may have written it.

Its classes are those that seqnet's own files name for that place, torch's optimisers, and those of packages that
the user trusts by name. Its options have the types of the command line's. Read without torch; ranges that
classes say are checked by `build.check_options` before anything is built.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from seqnet import relations
from seqnet.errors import CheckpointError, ConfigurationError, DataError
from seqnet.options import shown

Config = dict[str, Any]

CONFIGS = next(
    folder
    for folder in (Path(__file__).parent / "configs", Path(__file__).parents[1] / "configs")
    if (folder / "train.yaml").is_file()
)
OPTIMIZER = re.compile(r"torch\.optim\.[A-Z]\w*", re.ASCII)
CHOICE = re.compile(r"\w[\w.-]{0,99}")
LONGEST, DEEPEST = 10_000, 10  # characters of a text; lists and options within each other
NO_OPTIONS = ("defaults", "hydra")  # of train.yaml
CONTINUED = "continued_from"
SAYS = "the stored configuration"


@cache
def shipped(group: str) -> Mapping[str, Path]:
    """The classes that seqnet's own choices of a group name, and the file of each."""
    found = {}
    for path in sorted((CONFIGS / group).glob("*.yaml")):
        target = re.search(r"^_target_: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if target is not None:
            found[target[1]] = path
    return found


@cache
def shipped_parts(group: str) -> Mapping[str, Config]:
    """The classes that seqnet's own files of one of the `NAMED` groups name, and the options of each."""
    files = (_defaults(path) for path in sorted((CONFIGS / group).glob("*.yaml")))
    return {part["_target_"]: part for file in files for part in file.values()}


@cache
def groups() -> tuple[str, ...]:
    """The groups that a run's configuration is chosen from, such as `cell` and `cell@decoder_cell`."""
    entries = _defaults(CONFIGS / "train.yaml")["defaults"]
    return tuple(name for entry in entries if isinstance(entry, dict) for name in entry if "/" not in name)


NESTED = {"field": "data.fields", "model/encoder": "model.encoders"}
"""Groups of which any number is chosen, each at a name of the user's: `field@data.fields.NAME`."""
INNER = ("data/format", "data/generated", "attention/score", "model/join")
"""Groups whose choice is a part of another group's: `attention/score=dot`, or `attention.score=dot`."""


NAMED = ("observers",)
"""Groups whose files add parts by their names, so that several are chosen at once: `observers=[default,mlflow]`."""


def is_group(name: str) -> bool:
    """Whether a choice of a configuration may be called so: `cell`, `cell@decoder_cell`, `field@data.fields.word`."""
    group, _, package = name.partition("@")
    parent, _, own = package.rpartition(".")
    return name in groups() or name in INNER or (NESTED.get(group) == parent != "" and own.isidentifier())


def package_of(name: str) -> str:
    """Where a choice stands in the configuration: `decoder_cell`, `data.fields.word`, `data.format`."""
    group, _, package = name.partition("@")
    return package or group.replace("/", ".")


def several(group: str, choice: str) -> list[str]:
    """The choices of a group by their names: of a `NAMED` one `[default,mlflow]` is two."""
    listed = group in NAMED and choice[:1] == "[" and choice[-1:] == "]"
    return [one.strip() for one in choice[1:-1].split(",")] if listed else [choice]


@cache
def default_parts() -> dict[str, str]:
    """What each group of a part is where nothing is chosen."""
    found = {}
    for group in INNER:
        whole, _, part = group.rpartition("/")
        for path in (CONFIGS / whole).glob("*.yaml"):
            for entry in _defaults(path).get("defaults", ()):
                if isinstance(entry, dict) and part in entry:
                    found[group] = "null" if entry[part] is None else str(entry[part])
    return found


def spelled(group: str) -> str:
    """How a choice of the group is typed: `cell`, `cell@decoder_cell`, `attention.score`."""
    return package_of(group) if group in INNER else group


def parts() -> dict[str, str]:
    """Where each of the groups of a part stands in the configuration: `attention.score`, and the group."""
    return {package_of(group): group for group in INNER}


@cache
def default_choices() -> dict[str, str]:
    """What each group is where nothing is chosen."""
    entries = _defaults(CONFIGS / "train.yaml")["defaults"]
    listed = [item for entry in entries if isinstance(entry, dict) for item in entry.items()]
    return {name: str(choice) for name, choice in listed if "/" not in name}


@cache
def _layout() -> tuple[Config, Mapping[str, str]]:
    """The options of no group with their defaults, and for each section the group that it is chosen from."""
    options = {key: value for key, value in _defaults(CONFIGS / "train.yaml").items() if key not in NO_OPTIONS}
    parts = [name.partition("@") for name in groups()]
    sections = {package or group: group for group, _, package in parts}
    return options, {name: group for name, group in sections.items() if name not in options}


@cache
def own_classes() -> frozenset[str]:
    """All classes that seqnet's own files name."""
    found = {*_layout()[1].values(), *NESTED, *INNER}
    single = (target for group in found for target in shipped(group))
    return frozenset((*single, *(target for group in NAMED for target in shipped_parts(group))))


@cache
def _defaults(path: Path) -> Config:
    found = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def refusal(target: str) -> ConfigurationError:
    """What a class is refused with that nobody trusts."""
    package = target.partition(".")[0]
    if package == "seqnet" or not package.isidentifier():
        return ConfigurationError(f"{SAYS} names {shown(target)[:200]}, which is no class that seqnet builds")
    return ConfigurationError(
        f"{SAYS} names {shown(target)[:200]}, which is not seqnet's own; if you trust that code, add trust=[{package}]"
    )


def checked(stored: Any, trust: Sequence[str], typed: Mapping[str, Any] | None = None) -> Config:
    """A stored configuration, once it is found to be one; options that are newer than it have their defaults.

    typed: the configuration of the command line, whose classes the user named. Raises ConfigurationError, and
    CheckpointError where it is none at all.
    """
    if not isinstance(stored, dict) or not isinstance(stored.get("groups"), dict):
        raise CheckpointError(f"{SAYS} is not that of a run; give the folder of another")
    options, sections = _layout()
    defaults: Config = {**options, **dict.fromkeys(sections), "groups": {}, CONTINUED: None}
    for name in stored.keys() - defaults.keys():
        raise ConfigurationError(f"{SAYS} has {shown(name)[:200]}, which this seqnet does not know")
    found: Config = {}
    for name, default in defaults.items():
        value = stored.get(name, default)
        if name in sections:
            value = _section(name, sections[name], value, trust, (typed or {}).get(name))
        elif name == "groups":
            value = _choices(value)
        elif name in NAMED:
            value = _named(name, value, default, trust, (typed or {}).get(name))
        elif name == CONTINUED:
            _history(value)
        elif isinstance(default, dict):
            value = _options(name, value, default)
        else:
            _check(name, value, default)
        if value is not None or name in stored or name in options:
            found[name] = value
    return found


def _choices(value: Any) -> Config:
    """The group choices: names of files, which stay in their folder. Those that are missing were not made."""
    for group, choice in value.items():
        if not is_group(group):
            raise ConfigurationError(f"{SAYS} has the group {_brief(group)}, which this seqnet does not know")
        if not isinstance(choice, str) or not all(map(CHOICE.fullmatch, several(group, choice))):
            raise ConfigurationError(f"{SAYS} has {group}={_brief(choice)}, which is no name of a choice")
    return {**dict.fromkeys(groups(), "null"), **value}


def _named(name: str, value: Any, options: Config, trust: Sequence[str], typed: Any) -> Config:
    """Parts by their names, each a class with its options, or true or false, checked. options: what is no part."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"{SAYS} has {name}={_brief(value)}, which must hold options")
    found = dict(options)
    for key, part in value.items():
        where = f"{name}.{_brief(key)}"
        if not (isinstance(key, str) and key.isidentifier()):
            raise ConfigurationError(f"{SAYS} has {where}, which is no name")
        if key in options:
            _check(where, part, options[key])
        elif isinstance(part, dict):
            own = typed.get(key) if isinstance(typed, Mapping) else None
            named = own.get("_target_") if isinstance(own, Mapping) else None
            target = part.get("_target_")
            known = shipped_parts(name).get(target) if isinstance(target, str) else None
            if known is None and (named is None or target != named):
                _refuse_strangers(target, trust)
            part = _options(where, part, known, trust, own)
        elif part is not None and not isinstance(part, bool):
            raise ConfigurationError(f"{SAYS} has {where}={_brief(part)}, which must hold options")
        found[key] = part
    return found


def _history(value: Any) -> None:
    """What was changed when the run was gone on with in another folder: nothing reads it but people."""
    if not (value is None or (isinstance(value, list) and all(isinstance(entry, dict) for entry in value))):
        raise ConfigurationError(f"{SAYS} has {CONTINUED}={_brief(value)}, which must be a list of changes")
    _refuse_strange(CONTINUED, value)


def refuse_elsewhere(stored: Config) -> None:
    """Refuse to read what a stored configuration names as its data, where it is no file or folder that is here.

    Nothing is fetched from a network, and no pipe or device is opened, because a file says so. Raises DataError.
    """
    path, name = stored["data"].get("path"), stored["data"].get("name")
    if isinstance(path, str) and not (Path(path).is_file() or Path(path).is_dir()):
        raise DataError(
            f"{SAYS} has data.path={_brief(path)}, which is no file or folder here: put it there, or, if it is a data "
            "set of the Hub that is to be fetched, type data.path= yourself"
        )
    if isinstance(name, str) and Path(name).name != name:
        raise DataError(f"{SAYS} has data.name={_brief(name)}, which is no name of a folder")


def _section(name: str, group: str, value: Any, trust: Sequence[str], typed: Any) -> Config | None:
    """The options of a section that is chosen from a group, checked."""
    classes = shipped(group)
    if not classes and group not in (*NESTED, *INNER):
        if (CONFIGS / group / "default.yaml").is_file():
            return _options(name, {} if value is None else value, _defaults(CONFIGS / group / "default.yaml"))
        return None if value is None else _options(name, value, None)
    if value is None and name in ("attention", "decoder_cell"):
        return None
    target = value.get("_target_") if isinstance(value, dict) else None
    if not isinstance(target, str):
        raise ConfigurationError(f"{SAYS} names no class for {name}: _target_ must be there, and be text")
    if target in classes:
        return _options(name, value, _defaults(classes[target]), trust, typed, target.startswith("seqnet."))
    named = typed.get("_target_") if isinstance(typed, Mapping) else None
    if target != named and not (name == "optimizer" and OPTIMIZER.fullmatch(target)):
        _refuse_strangers(target, trust)
    return _options(name, value, None, trust, typed)


def _refuse_strangers(target: Any, trust: Sequence[str]) -> None:
    """Refuse a class of a package that is not trusted."""
    if not isinstance(target, str) or target.partition(".")[0] not in trust:
        raise refusal(str(target))


def _options(
    name: str,
    value: Any,
    defaults: Config | None,
    trust: Sequence[str] = (),
    typed: Any = None,
    filled: bool = True,
) -> Config:
    """The options of a section: those of `defaults`, where there are any, which also fill what is missing.

    Those of a class of ours are what its parameters are where nothing is given: what it did before it had the option.
    """
    if not isinstance(value, dict):
        raise ConfigurationError(f"{SAYS} has {name}={_brief(value)}, which must hold options")
    found = dict(value)
    for key, option in value.items():
        own = typed.get(key) if isinstance(typed, Mapping) else None
        inner = _inner(f"{name}.{key}")
        if inner is not None and option is None:  # no such part is chosen
            continue
        if inner is not None and isinstance(option, dict):
            found[key] = _inner_options(f"{name}.{key}", inner, option, trust, own)
        elif defaults is not None and key in defaults:
            _check(f"{name}.{key}", option, defaults[key], "_target_" in defaults)
        elif defaults is None:
            _refuse_strange(f"{name}.{key}", option, trust, own)
        else:
            raise ConfigurationError(f"{SAYS} has {name}.{_brief(key)}, which this seqnet does not know")
    return deepcopy(_filled(found, defaults)) if defaults is not None and filled else found


def _filled(value: Config, defaults: Config) -> Config:
    """The options with those that are missing, but for what is composed of other choices or is another's value."""
    found = {
        key: default
        for key, default in defaults.items()
        if key not in NO_OPTIONS and not (isinstance(default, str) and default.startswith("${"))
    }
    for key, option in value.items():
        inner = isinstance(option, dict) and isinstance(found.get(key), dict)
        found[key] = _filled(option, found[key]) if inner else option
    return found


def _inner(key: str) -> str | None:
    """The group that what stands at a key of a section is chosen from; None where it is none."""
    found = {package_of(group): group for group in INNER} | {package: group for group, package in NESTED.items()}
    return found.get(key)


def _inner_options(key: str, group: str, value: Config, trust: Sequence[str], typed: Any) -> Config | None:
    """A section within a section, or several by their names, checked."""
    if group not in NESTED:
        return _section(key, group, value, trust, typed)
    found = {}
    for name, one in value.items():
        where = f"{key}.{name}"
        if not (isinstance(name, str) and name.isidentifier()):
            raise ConfigurationError(f"{SAYS} has {_brief(where)}, which is no name")
        found[name] = _section(where, group, one, trust, typed.get(name) if isinstance(typed, Mapping) else typed)
    return found


def _check(key: str, value: Any, default: Any, of_class: bool = False) -> None:
    """Refuse what the option cannot hold."""
    if isinstance(value, dict) and isinstance(default, dict):
        for name, part in value.items():
            if name not in default:
                raise ConfigurationError(f"{SAYS} has {key}.{_brief(name)}, which this seqnet does not know")
            _check(f"{key}.{name}", part, default[name])
        return
    if isinstance(value, dict):
        raise ConfigurationError(f"{SAYS} has options in {key}, which holds none")
    _refuse_strange(key, value)
    sentence = relations.option(key, default, of_class=of_class).refusal(key, value)
    if sentence is not None:
        raise ConfigurationError(f"{SAYS} cannot be right: {sentence}")


def _refuse_strange(key: str, value: Any, trust: Sequence[str] = (), typed: Any = None, depth: int = 0) -> None:
    """Refuse what JSON does not hold, or nobody would write, and classes in it that are not trusted."""
    too_large = (isinstance(value, str) and len(value) > LONGEST) or (isinstance(value, int) and abs(value) >= 2**63)
    if depth > DEEPEST or too_large:
        raise ConfigurationError(f"{SAYS} holds too much in {_brief(key)}")
    if type(value) is list:
        for part in value:
            _refuse_strange(key, part, trust, None, depth + 1)
    elif type(value) is dict:
        own = typed if isinstance(typed, Mapping) else {}
        if "_target_" in value and (value["_target_"] != own.get("_target_") or value["_target_"] is None):
            _refuse_strangers(value["_target_"], trust)
        for name, part in value.items():
            _refuse_strange(f"{key}.{name}"[:LONGEST], part, trust, own.get(name), depth + 1)
    elif value is not None and type(value) not in (bool, int, float, str):
        raise ConfigurationError(f"{SAYS} has a {type(value).__name__} for {_brief(key)}")


def _brief(value: Any) -> str:
    """A value as an error message shows it, however large it is."""
    return shown(value)[:60] if isinstance(value, (str, bool, int, float, type(None))) else type(value).__name__
