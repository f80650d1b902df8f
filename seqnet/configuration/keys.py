"""Nested options by dotted keys."""

from collections.abc import Mapping
from typing import Any

Config = dict[str, Any]


def leaves(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value, for everything that is not itself a (non-empty) mapping."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def put(config: Config, key: str, value: Any) -> None:
    """Set a dotted key of a nested configuration."""
    *parents, last = key.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
    config[last] = value


def lookup_section(config: Config, package: str) -> Config:
    """The section at a dotted key."""
    for part in package.split("."):
        config = config[part]
    return config
