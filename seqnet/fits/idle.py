"""Options that somebody set and that change nothing."""

from collections.abc import Mapping
from typing import Any

from seqnet import relations, trust
from seqnet.data.lanes import LaneLoader
from seqnet.errors import ConfigurationError
from seqnet.fits.parts import Parts
from seqnet.kinds import ENDS, STREAM, Axis
from seqnet.options import shown


def check_idle(parts: Parts, defaults: Mapping[str, Any]) -> None:
    """Raises ConfigurationError for an option that somebody set and that changes nothing here.

    defaults: what each key is where nobody says it; the others are not looked at.
    """
    found = dict(relations.idle(parts.config))
    for name, idle in parts.saying("idle"):
        own = idle(parts.section(name), parts.inputs, parts.target)
        found |= {f"{name}.{key}": why for key, why in own.items()}
    if any(STREAM in kind.traits for kind in parts.inputs.values()):
        lanes = LaneLoader.idle(parts.section("data"), parts.inputs, parts.target)
        found |= {f"data.{key}": why for key, why in lanes.items()}
    if parts.target is not None and not {ENDS, STREAM} & parts.target.traits:
        written = parts.target.axis is Axis.SEQUENCE
        why = "numbers are not decoded but rolled out" if written else "nothing is written step by step"
        found |= dict.fromkeys(("groups.decoding", *(f"decoding.{key}" for key in parts.section("decoding"))), why)
    for name, why in found.items():
        key = f"groups.{trust.parts()[name]}" if name in trust.parts() else name
        value = relations.lookup(parts.config, key, None)
        if key in defaults and value != defaults[key]:
            typed = name.removeprefix("groups.")
            raise ConfigurationError(
                f"{typed}={shown(value)} has no effect: {why}; leave it out, or set {typed}={shown(defaults[key])}"
            )
