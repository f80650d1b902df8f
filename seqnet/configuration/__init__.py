"""Compose a configuration with Hydra and check it, without torch."""

from seqnet.configuration.asked import asked
from seqnet.configuration.checking import Composed
from seqnet.configuration.composing import compose, run_hydra
from seqnet.configuration.keys import leaves, put
from seqnet.configuration.overrides import is_sweep, parse_overrides, quote, quoted, typed_keys
from seqnet.configuration.stored import (
    as_stored,
    changes,
    goes_on_elsewhere,
    merge_stored,
    run_folder,
    stored_config,
    stored_groups,
)
from seqnet.trust import CONFIGS

__all__ = [
    "CONFIGS",
    "Composed",
    "as_stored",
    "asked",
    "changes",
    "compose",
    "goes_on_elsewhere",
    "is_sweep",
    "leaves",
    "merge_stored",
    "parse_overrides",
    "put",
    "quote",
    "quoted",
    "run_folder",
    "run_hydra",
    "stored_config",
    "stored_groups",
    "typed_keys",
]
