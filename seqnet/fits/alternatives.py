"""What fits in the place of what does not, found by trying.

Tried are the other yamls of the group, those of --config-dir too, and the few values that an option may have.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from seqnet import build, options, trust
from seqnet.errors import ConfigurationError
from seqnet.fits import laws
from seqnet.fits.laws import Law
from seqnet.fits.parts import Parts
from seqnet.options import shown

Config = dict[str, Any]
NOTHING = {"attention": "attention=none", "decoder_cell": "cell@decoder_cell=null"}  # how no choice is typed


def advised(parts: Parts, law: Law, wrong: str) -> str:
    """What is wrong, and what to set."""
    every = [other for other in laws.LAWS if other is not law]
    found = [*_by_option(parts, law), *_by_choice(parts, law, [law, *every])]
    found = found or _by_choice(parts, law, [law])  # more is to be changed then
    return f"{wrong}: set {' or '.join(found)}" if found else wrong


def _by_choice(parts: Parts, law: Law, held: Sequence[Law]) -> list[str]:
    """Choices with which `held` hold, as they are typed."""
    for groups in law.groups:
        found = []
        for picked in product(*(list(_choices(parts, group)) for group in groups)):
            made = parts
            for group, (choice, given) in zip(groups, picked, strict=True):
                made = _instead(made, group, choice, given)
            if _right(made, held):
                typed = zip(map(trust.spelled, groups), picked, strict=True)
                found.append(" with ".join(f"{group}={one}" for group, (one, _) in typed))
        if found:
            return found
    return []


def _choices(parts: Parts, group: str) -> Iterator[tuple[str, Config]]:
    """The other choices of a group that name a class: their names and options."""
    for place in parts.places:
        for path in sorted((place / group).glob("*.yaml")):
            found = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
            if isinstance(found, dict) and "_target_" in found and parts.config["groups"].get(group) != path.stem:
                yield path.stem, _composed(parts, group, {str(key): value for key, value in found.items()})


def _composed(parts: Parts, group: str, options: Config) -> Config:
    """The options of a choice with the parts that it is itself composed of."""
    for entry in options.pop("defaults", ()):
        for inner, choice in entry.items() if isinstance(entry, dict) else ():
            path = Path(group) / inner / f"{choice}.yaml"
            place = next((place for place in parts.places if (place / path).is_file()), None)
            found = None if place is None else OmegaConf.to_container(OmegaConf.load(place / path), resolve=False)
            if isinstance(found, dict) and "_target_" in found:
                options[inner] = found
    return options


def _instead(parts: Parts, group: str, choice: str, given: Config) -> Parts:
    """The parts with another choice; what a task says to a model goes on being said."""
    if group == "model":
        task = parts.section("task")
        given = {key: task.get(key) if str(value).startswith("${task.") else value for key, value in given.items()}
        if "encoders" in given:  # chosen by an input's name, whatever the model
            given["encoders"] = parts.section("model").get("encoders", {})
    made = parts.with_options(group, given, choice)
    if group == "task":
        model = parts.section("model")
        told = {key: given.get(key) for key in build.MODEL_KEYS if key in model}
        made = made.with_options("model", {**model, **told})
    return made


def _by_option(parts: Parts, law: Law) -> list[str]:
    """Values of options with which the law holds, as they are typed."""
    found = []
    for name in law.sections:
        own, said = parts.section(name), options.of(parts.part(name))
        for key in own.keys() & said.keys():
            words = [True, False] if said[key] is options.FLAG else said[key].choices
            fits = [word for word in words if word != own[key] and _tried(parts, law, name, key, word)]
            if fits:
                found.append(_typed(f"{name}.{key}", fits))
    for key, value in law.keys:
        config = _put(parts.config, key, value)
        if config != parts.config and _right(replace(parts, config=config), [law]):
            found.append(NOTHING.get(key) or _typed(key, [value]))
    return sorted(found)


def _tried(parts: Parts, law: Law, name: str, key: str, value: Any) -> bool:
    try:
        return _right(parts.with_options(name, {**parts.section(name), key: value}), [law])
    except ConfigurationError:
        return False


def _typed(key: str, values: Sequence[Any]) -> str:
    """A key and the values that it may have, in words that go on from "set"."""
    *first, last = map(shown, values)
    return f"{key} to {', '.join(first)} or {last}" if first else f"{key}={last}"


def _put(config: Config, key: str, value: Any) -> Config:
    section, _, last = key.partition(".")
    return {**config, section: {**config[section], last: value} if last else value}


def _right(parts: Parts, held: Sequence[Law]) -> bool:
    """Whether none of the laws refuses the parts."""
    try:
        return all(law.wrong(parts) is None for law in held)
    except Exception:  # what was never meant to be built together may fail anyhow
        return False
