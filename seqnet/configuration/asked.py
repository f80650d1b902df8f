"""What a program asks of a run, checked as the command line is: each command's own yaml, and no Hydra."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from seqnet import relations, trust
from seqnet.configuration.keys import leaves, put
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.trust import CONFIGS, NO_OPTIONS

Config = dict[str, Any]


def asked(command: str, given: Mapping[str, Any]) -> Config:
    """The options of `evaluate`, `predict` or `generate`: those that are given by dotted keys, else as its yaml has
    them. Raises ConfigurationError.
    """
    config = {key: value for key, value in _yaml(CONFIGS / f"{command}.yaml").items() if key not in NO_OPTIONS}
    defaults = leaves(config)
    for key, value in given.items():
        value = str(value) if isinstance(value, Path) else value
        if key == "decoding":
            value = None if value is None else decoding(value)
        elif key not in defaults:
            raise ConfigurationError(f"unknown option '{key}'{did_you_mean(key, defaults)}")
        elif sentence := relations.option(key, defaults[key], command).refusal(key, value):
            raise ConfigurationError(sentence)
        put(config, key, value)
    if sentence := relations.conflict(config):
        raise ConfigurationError(sentence)
    return config


def decoding(chosen: str | Mapping[str, Any]) -> Config:
    """A decoding by its name, such as `beam`, or by its `name` and options of it. Raises ConfigurationError."""
    options = {"name": chosen} if isinstance(chosen, str) else dict(chosen)
    if "_target_" in options:  # of a class of one's own
        return options
    files = {path.stem: path for path in trust.shipped("decoding").values()}
    name = options.pop("name", None)
    if name not in files:
        hint = did_you_mean(str(name), files) or f": choose one of {', '.join(files)}"
        raise ConfigurationError(f"unknown decoding '{name}'{hint}")
    known = _yaml(files[name])
    for key in options.keys() - known.keys():
        raise ConfigurationError(f"decoding={name} has no option '{key}'{did_you_mean(key, known)}")
    return known | options


def _yaml(path: Path) -> Config:
    found: Config = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found
