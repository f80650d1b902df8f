"""The overrides of a command line, `KEY=VALUE`: text is quoted for Hydra, the rest is read by its grammar."""

import copy
import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from seqnet import relations, trust
from seqnet.configuration.choices import unnamed
from seqnet.configuration.keys import leaves
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.options import shown

TEXT_OF_A_FIELD = re.compile(
    r"data\.fields\.\w+\.(column|separator)|data\.format\.(delimiter|encoding|name_pattern|header)"
)
LISTS = re.compile(r"data\.path|data\.fields\.\w+\.column")  # text, or a list of texts
OF_HYDRA = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep.")


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


def parse_overrides(arguments: Sequence[str]) -> list[Override]:
    """The overrides of a command line. Raises ConfigurationError for what is none, and for an unknown flag."""
    parser = get_args_parser()

    def refuse(message: str) -> None:
        flag = re.search(r"(--?[\w-]+)", message)
        known = [text for action in parser._actions for text in action.option_strings if "rerun" not in text]
        raise ConfigurationError(f"{message}{did_you_mean(flag[1], known) if flag and flag[1] not in known else ''}")

    parser.allow_abbrev = False  # --experiment would be Hydra's --experimental-rerun
    parser.error = refuse  # type: ignore[assignment]
    parsed = parser.parse_intermixed_args(list(arguments))
    if parsed.config_dir is not None and not Path(parsed.config_dir).is_dir():
        raise ConfigurationError(f"--config-dir {parsed.config_dir}: there is no such folder")
    if parsed.config_name or parsed.config_path:
        raise ConfigurationError("--config-name and --config-path are seqnet's own: add to its files with --config-dir")
    if parsed.experimental_rerun is not None:
        raise ConfigurationError("--experimental-rerun reads a pickle, which can run code: type the overrides again")
    overrides = []
    for line in parsed.overrides:
        try:
            override = copy.deepcopy(_parsed(line))
        except HydraException as error:
            told = shown(line)
            if "=" not in line:
                raise ConfigurationError(
                    f"cannot read '{told}': it must be KEY=VALUE without spaces round the =, such as cell=gru, or "
                    f"run={told} for the folder of a run"
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
            raise ConfigurationError(unnamed(named))
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


@functools.lru_cache(maxsize=1024)
def _parsed(line: str) -> Override:
    """An override, not to be changed. Each is looked at many times on its way, and Hydra's grammar takes its time."""
    return OverridesParser.create().parse_override(line)


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


def typed_keys(overrides: Iterable[Override]) -> dict[str, Any]:
    """Dotted key or group -> value, as typed; `a={b: 1}` counts as `a.b=1`."""
    typed: dict[str, Any] = {}
    for override in overrides:
        key, value = override.get_key_element().lstrip("+"), override.value()
        if not key.startswith("hydra"):
            typed |= leaves({key: value})
    return typed


def key_of(argument: str) -> str:
    """The key or group of an override as typed."""
    return argument.partition("=")[0].lstrip("+")


def values_of(override: Override) -> list[str]:
    """The value of an override as typed, of a sweep all that it has."""
    if override.is_discrete_sweep():
        return [str(value) for value in override.sweep_string_iterator()]
    return [override.get_value_element_as_str()]


def is_sweep(arguments: Sequence[str]) -> bool:
    """Whether `-m` is among the arguments."""
    return "-m" in arguments or "--multirun" in arguments


def config_dir(arguments: Sequence[str]) -> str | None:
    """The folder of the user's own files, which `--config-dir` names."""
    found: str | None = get_args_parser().parse_known_args(list(arguments))[0].config_dir
    return found
