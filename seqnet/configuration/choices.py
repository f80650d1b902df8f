"""Groups of configs, what can be chosen of each, and which keys a choice has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from seqnet import trust
from seqnet.configuration.keys import leaves
from seqnet.options import shown
from seqnet.trust import CONFIGS

CHANGES = ("experiment", "debug")  # groups that hold no keys of their own


def group_folders() -> list[str]:
    """The names of all groups, as their folders are called."""
    own = (path.name for path in CONFIGS.iterdir() if path.is_dir() and path.name != "hydra")
    return sorted((*own, *trust.INNER))


def is_nested(group: str) -> bool:
    """Whether it is a group chosen at a name of the user's, such as `field@data.fields.word`."""
    return "@" in group and trust.is_group(group) and group not in trust.groups()


def choices_of(group: str) -> list[str]:
    """What can be chosen of a group."""
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


def owners_of(group: str, key: str, choices: Mapping[str, str]) -> list[str]:
    """The other choices of a group that have a key of its package."""
    folder, package = group.partition("@")[0], f"{trust.package_of(group)}."
    rest = key.removeprefix(package) if key.startswith(package) else ""
    return [
        f"{group}={name}"
        for name in choices_of(folder)
        if rest and name != choices.get(group) and holds(CONFIGS / folder / f"{name}.yaml", key, rest)
    ]


def holds(path: Path, key: str, rest: str) -> bool:
    """Whether a group file holds a key or a part, in its own package or in the global one."""
    cfg: Any = OmegaConf.to_container(OmegaConf.load(path))
    if not isinstance(cfg, dict):
        return False
    parts = [name for entry in cfg.pop("defaults", ()) if isinstance(entry, dict) for name in entry]
    keys = leaves(cfg)
    return rest in keys or key in keys or rest.partition(".")[0] in parts


def no_part(group: str, by: str | None = None) -> str:
    """The sentence that refuses the choice of a part of what has no such part. by: the file that chose it, if any."""
    whole, _, part = group.rpartition("/")
    owners = owners_of(whole, f"{whole}.{part}", {})
    if by is not None:
        return (
            f"{by.replace('/', '=')} chooses {trust.package_of(group)}, and the chosen {whole} has none: "
            f"choose {' or '.join(owners)}, or name your fields yourself with experiment=blank, which takes any {whole}"
        )
    return (
        f"{trust.package_of(group)} belongs to {' or '.join(owners)}, and the chosen {whole} has none: leave it out, "
        f"or choose {owners[0] if len(owners) == 1 else 'one of them'}"
    )


def unnamed(group: str) -> str:
    """The sentence that refuses a choice of a group of which each has a name, without one."""
    return f"{group} is chosen for a name of yours: +{group}@{trust.NESTED[group]}.NAME=..."


def no_choice(override: Override) -> str:
    """The sentence that refuses what is no choice of a group."""
    choices = ", ".join(choices_of(override.key_or_group))
    return f"{override.get_key_element().lstrip('+')}={shown(override.value())}: choose one of {choices}"
