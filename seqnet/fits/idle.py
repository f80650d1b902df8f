"""Options that somebody set and that change nothing."""

from collections.abc import Mapping
from typing import Any

from seqnet import build, relations, trust
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
        own = idle(parts.options(name), parts.inputs, parts.target)
        found |= {f"{name}.{key}": why for key, why in own.items()}
    if any(STREAM in kind.traits for kind in parts.inputs.values()):
        lanes = LaneLoader.idle(parts.section("data"), parts.inputs, parts.target)
        found |= {f"data.{key}": why for key, why in lanes.items()}
    if parts.target is not None and not {ENDS, STREAM} & parts.target.traits:
        written = parts.target.axis is Axis.SEQUENCE
        why = "numbers are not decoded but rolled out" if written else "nothing is written step by step"
        found |= dict.fromkeys(("groups.decoding", *(f"decoding.{key}" for key in parts.section("decoding"))), why)
    for name, why in (found | _unheard(parts)).items():
        key = f"groups.{trust.parts()[name]}" if name in trust.parts() else name
        value = relations.lookup(parts.config, key, None)
        if key in defaults and value != defaults[key]:
            typed = name.removeprefix("groups.")
            raise ConfigurationError(
                f"{typed}={shown(value)} has no effect: {why}; leave it out, or set {typed}={shown(defaults[key])}"
            )


def _unheard(parts: Parts) -> dict[str, str]:
    """What is said to a part that does not hear it: of a cell and a readout to models without, of rows not drawn."""
    model, choice = parts.section("model"), parts.choice("model")
    found: dict[str, str] = {}
    if not parts.takes("model", "cell"):
        keys = ("groups.cell", *(f"cell.{key}" for key in parts.section("cell")))
        found |= dict.fromkeys(keys, f"{choice} has no recurrence")
    data = parts.section("data")
    if data.get("generated") and (data["path"] is not None or data["name"] is not None):
        why = "files are read, and nothing is drawn"
        found |= dict.fromkeys((f"data.generated.{key}" for key in data["generated"]), why)
    for key in parts.section("task").keys() & {*build.MODEL_KEYS}:
        if key not in model:
            found[f"task.{key}"] = f"{choice} has no {key}"
        elif model[key] != parts.section("task")[key]:
            found[f"task.{key}"] = f"model.{key}={shown(model[key])} is said"
    return found
