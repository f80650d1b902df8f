"""The configuration of a run, of overrides, or of a command line that is handed to Hydra."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from seqnet import own_files, relations, trust
from seqnet.configuration.checking import Composed, checked
from seqnet.configuration.choices import group_folders
from seqnet.configuration.loading import load, prefer_own_files, settled, version_options
from seqnet.configuration.overrides import config_dir, is_sweep, parse_overrides, typed_keys, values_of
from seqnet.configuration.refusals import refusal
from seqnet.configuration.stored import stored_groups
from seqnet.errors import ConfigurationError
from seqnet.trust import CONFIGS


def run_hydra(command: str, arguments: Sequence[str], job: Callable[[Callable[[], Composed]], Any]) -> None:
    """Call `job` for each configuration of a command line, or let Hydra show what it is asked for.

    `job` gets a function that makes the checked configuration or raises ConfigurationError; it must itself not
    raise: in a sweep that would end all of it. Raises ConfigurationError for what cannot be composed.
    """
    if not _asks_hydra(arguments):  # which would compose all of it once more, only to see that it is one run
        job(lambda: compose(command, arguments))
        return
    typed = [override.input_line for override in parse_overrides(arguments)]
    flags = [argument for argument in arguments if argument not in typed]  # first, as Hydra's parser wants them
    arguments, stored = _with_stored(command, arguments, is_sweep(arguments))
    typed = [override.input_line for override in parse_overrides(arguments)]

    def composed(cfg: DictConfig) -> Any:
        hydra_config: Any = HydraConfig.get()
        return job(lambda: checked(cfg, hydra_config, command, stored))

    prefer_own_files()
    before = sys.argv
    sys.argv = ["seqnet", *flags, *[argument for argument in arguments if argument in typed], *stored]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise, so that the sentence is ours
    try:
        hydra.main(config_path=str(CONFIGS), config_name=command, **version_options())(composed)()
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise refusal(error, command, arguments) from error
    finally:
        sys.argv = before


def _asks_hydra(arguments: Sequence[str]) -> bool:
    """Whether there is more to do than to compose one configuration: jobs, or something to show, or options of Hydra.

    Raises ConfigurationError.
    """
    folder = config_dir(arguments)
    flags = [one for one in arguments if one.startswith("-")]
    own = [one for one in flags if folder is not None and one in ("--config-dir", "-cd", f"--config-dir={folder}")]
    hydras = [one for one in parse_overrides(arguments) if one.key_or_group.startswith("hydra")]
    return bool(hydras) or flags != own


def compose(command: str, arguments: Sequence[str], sweeping: bool = False) -> Composed:
    """The configuration of one run, checked, without Hydra's command line. Raises ConfigurationError.

    sweeping: it is to be one of a sweep, in a folder that is not known yet. Hydra is left as it was found.
    """
    with _hydra_put_back():
        arguments, stored = _with_stored(command, arguments, sweeping)
        overrides = [*parse_overrides(arguments), *parse_overrides(stored)]
        try:
            cfg = load(command, [str(override.input_line) for override in overrides], config_dir(arguments))
            return checked(cfg, cfg["hydra"], command, stored, sweeping)
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise refusal(error, command, arguments) from error


@contextmanager
def _hydra_put_back() -> Iterator[None]:
    """Leave Hydra, of which a process has one, as it is, also where a program has its own use for it."""
    before = GlobalHydra.instance().hydra
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = before


def _with_stored(command: str, arguments: Sequence[str], sweeping: bool) -> tuple[list[str], list[str]]:
    """The arguments as Hydra wants them, and those of a run to go on with, which no one typed.

    Raises ConfigurationError.
    """
    overrides, stored = parse_overrides(arguments), []
    if command == "train" and not sweeping:
        for key, value in typed_keys(overrides).items():
            if key in ("run_dir", "resume") and (sentence := relations.OPTIONS[key].refusal(key, value)):
                raise ConfigurationError(sentence)
        stored = stored_groups(arguments)
    _check_own_files(arguments, [*overrides, *parse_overrides(stored)])
    stored = settled(command, stored, arguments)
    return settled(command, arguments, stored), stored


def _check_own_files(arguments: Sequence[str], overrides: Iterable[Override]) -> None:
    """Look at the user's own files that are chosen. Raises ConfigurationError."""
    folder = config_dir(arguments)
    if folder is not None:
        named = [(trust.parts().get(one.key_or_group, one.key_or_group), one) for one in overrides]
        chosen = [(group, one) for group, one in named if group in group_folders()]
        several = [(group, trust.several(group, value)) for group, one in chosen for value in values_of(one)]
        own_files.check(Path(folder), [f"{group}/{name}" for group, names in several for name in names])
