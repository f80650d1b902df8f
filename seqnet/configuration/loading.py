"""What Hydra composes of overrides, outside of its own command line."""

import os
import re
from collections.abc import Sequence
from typing import Any

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqnet import trust
from seqnet.configuration.choices import choices_of, holds, is_nested
from seqnet.configuration.overrides import config_dir, key_of, parse_overrides, quote, values_of
from seqnet.errors import ConfigurationError
from seqnet.trust import CONFIGS

Config = dict[str, Any]


def version_options() -> dict[str, Any]:
    """What `hydra.main` is told by its version."""
    if tuple(int(part) for part in re.findall(r"\d+", hydra.__version__)[:2]) < (1, 4):
        return {"version_base": "1.3"}
    return {"execution_whitelist": ("seqnet.*", "hydra_plugins.*")}


def load(command: str, overrides: list[str], config_dir: str | None) -> DictConfig:
    """Compose outside `hydra.main`; Hydra stays initialised for the caller to clear."""
    initialise()
    if config_dir is not None:
        overrides = [*overrides, f"hydra.searchpath=[{quote('file://' + os.path.abspath(config_dir))}]"]
    return loader().load_configuration(command, overrides, RunMode.RUN, from_shell=False)


def prefer_own_files() -> None:
    """Let our own files of launchers be read in place of those of that name that Hydra and its plugins register."""
    Plugins.instance()  # which registers them
    registered = ConfigStore.instance().repo["hydra"]["launcher"]
    for path in (CONFIGS / "hydra/launcher").glob("*.yaml"):
        registered.pop(path.name, None)


def initialise() -> None:
    """Let Hydra read our own files; it stays initialised for the caller to clear."""
    GlobalHydra.instance().clear()
    options = {key: value for key, value in version_options().items() if key == "version_base"}
    hydra.initialize_config_dir(str(CONFIGS), **options)


def loader() -> ConfigLoader:
    """What Hydra, once it is initialised, composes with."""
    prefer_own_files()
    return GlobalHydra.instance().config_loader()


def settled(command: str, arguments: Sequence[str], beside: Sequence[str] = ()) -> list[str]:
    """The arguments as Hydra wants them, whichever of two spellings was typed.

    With `+` before choices of a field that the rest does not make, and none before those it makes; choices of a part as
    of a group: `attention.score=dot` is `attention/score=dot`. What is there is seen from the groups that are chosen.
    beside: what else is typed.
    """
    parts = trust.parts()
    named = [argument for argument in arguments if is_nested(key_of(argument)) or key_of(argument) in parts]
    if not named:
        return list(arguments)
    groups = [argument for argument in (*arguments, *beside) if key_of(argument) in trust.groups()]
    first = [f"{override.get_key_element()}={values_of(override)[0]}" for override in parse_overrides(groups)]
    try:
        there = load(command, first, config_dir([*arguments, *beside])).hydra.runtime.choices
    except (HydraException, OmegaConfBaseException):
        return list(arguments)  # which will be told when all of it is composed
    finally:
        GlobalHydra.instance().clear()
    settled = []
    for argument in arguments:
        plain, key, value = argument.lstrip("+"), key_of(argument), argument.partition("=")[2]
        if key in parts:
            settled.append(f"{parts[key]}={value}" if parts[key] in there else argument)
        else:
            settled.append(argument if argument not in named else plain if key in there else f"+{plain}")
    return settled


def plain(cfg: DictConfig) -> Config:
    """Resolved, without `hydra`. Raises ConfigurationError for an interpolation or a `???` that cannot be."""
    try:
        found = OmegaConf.to_container(without_hydra(cfg), resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        where = "" if error.full_key is None else f"{error.full_key}: "
        raise ConfigurationError(_unresolved(str(error)) or f"{where}{one_sentence(str(error))}") from error
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def without_hydra(cfg: DictConfig) -> DictConfig:
    """The same without Hydra's own options."""
    return OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"])  # type: ignore[misc]


def _unresolved(message: str) -> str | None:
    """The sentence for an option that is another's value, where the choice made has no such other option."""
    found = re.search(r"Interpolation key '(\w+)\.(\w+)' not found\s+full_key: ((\w+)\.\S+)", message)
    if found is None:
        return None
    group, rest, key, own = found.groups()
    owners = [
        f"{group}={name}" for name in choices_of(group) if holds(CONFIGS / group / f"{name}.yaml", found[1], rest)
    ]
    return (
        f"{key} is what {group}.{rest} says, and the chosen {group} does not say it: "
        f"choose {' or '.join(owners)}, or another {own}"
    )


def one_sentence(message: str) -> str:
    """A message of several lines as one."""
    lines = [line.strip() for line in message.splitlines()]
    kept = [line.rstrip(".") for line in lines if line and not line.startswith(("full_key:", "object_type="))]
    return "; ".join(kept)
