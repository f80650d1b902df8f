"""Seven laws of what goes with what, by what the classes of a configuration say of themselves. No class is named here.

1. The target stands where the task takes it.  2. Its items are such as the objective judges.  3. Every input is read.
4. The model's features stand where the task reads them.  5. What one part needs the others have.  6. The monitor is a
score.  7. What reads ahead is not cut, and does not read what it is asked.

What fits in the place of what does not is found by trying: the other yamls of the group, those of --config-dir too,
and the few values that an option may have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import Parameter, signature
from itertools import product
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from seqnet import build, options, relations
from seqnet.data.lanes import LaneLoader
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.kinds import BIO, ENDS, NEXT, RANKED, SHARED, STREAM, Axis, Item, Kind
from seqnet.options import shown
from seqnet.state import leaves

Config = dict[str, Any]

WHERE = {
    Axis.ROW: "one answer a row",
    Axis.STEP: "an answer at every step",
    Axis.SEQUENCE: "answers that are written step by step",
    Axis.GRID: "an answer at every place of a picture",
}
WHAT = {
    Item.TOKEN: "tokens",
    Item.LABEL: "one of several labels",
    Item.LABELS: "any of several labels",
    Item.NUMBER: "numbers",
    Item.PIXEL: "pictures",
}
TRAITS = {RANKED: "a vocabulary in order of frequency", BIO: "BIO tags"}
SAYS = {  # what a class must say, and what for
    "input_kinds": "what it reads: a name and a seqnet.kinds.Kind for each input",
    "target_kind": "what it asks: a seqnet.kinds.Kind, or None where only the file shows it",
    "judges": "which items of seqnet.kinds it judges, such as (Item.NUMBER,)",
    "scores": "the names of its metrics, beside loss",
    "target_axis": "where the targets stand that it takes, such as Axis.ROW of seqnet.kinds",
    "features": "where a model's features stand, such as Axis.ROW of seqnet.kinds",
    "reads": "what it reads: of a model a function of the inputs' kinds that gives the names of those it reads, of an "
    "encoder pairs such as (Item.TOKEN, Axis.STEP)",
}


# ------------------------------------------------------------------------------------------------ what there is


@dataclass(frozen=True)
class Parts:
    """A configuration, its data source, which has read nothing yet, and where the files of groups are."""

    config: Config
    source: Any
    trust: Sequence[str] | None = None
    places: Sequence[Path] = ()

    def section(self, name: str) -> Config:
        """The options of a section; none where nothing is chosen."""
        found: Config = self.config.get(name) or {}
        return found

    def choice(self, group: str) -> str:
        """A group and what is chosen of it, as it is typed."""
        return f"{group}={self.config['groups'].get(group, 'null')}"

    def part(self, name: str) -> Any:
        """The class of a section, or None."""
        target = self.section(name).get("_target_")
        return build.locate(target, self.trust) if isinstance(target, str) else None

    def said(self, name: str, what: str) -> Any:
        """What the class of a section says of itself. Raises ConfigurationError where it says nothing."""
        part = self.source if name == "data" else self.part(name)
        if not hasattr(part, what):
            target = self.section(name).get("_target_")
            raise ConfigurationError(f"{name}._target_={shown(target)} does not say `{what}`: {SAYS[what]}")
        return getattr(part, what)

    def saying(self, what: str) -> Iterator[tuple[str, Any]]:
        """The sections whose class says `what`, which none has to, and what it says."""
        for name, section in self.config.items():
            part = self.part(name) if isinstance(section, dict) else None
            if hasattr(part, what):
                yield name, getattr(part, what)

    @cached_property
    def inputs(self) -> Mapping[str, Kind]:
        """The kinds of the inputs."""
        found: Mapping[str, Kind] = self.said("data", "input_kinds")
        return found

    @cached_property
    def target(self) -> Kind | None:
        """The kind of the target; None where only the file shows it."""
        found: Kind | None = self.said("data", "target_kind")
        return found

    @property
    def features(self) -> Axis:
        """Where the model's features stand."""
        found: Axis = self.said("model", "features")(self.section("model"))
        return found

    def takes(self, name: str, parameter: str, method: str = "__init__") -> bool:
        """Whether a method of a section's class has a parameter."""
        taken = signature(getattr(self.part(name), method)).parameters
        return parameter in taken or any(each.kind is Parameter.VAR_KEYWORD for each in taken.values())

    def with_options(self, name: str, changed: Config, choice: str | None = None) -> "Parts":
        """The same with other options of a section, or with another choice."""
        groups = self.config["groups"] if choice is None else {**self.config["groups"], name: choice}
        config = {**self.config, name: changed, "groups": groups}
        made = replace(self, config=config)
        return replace(made, source=build.source(config, self.trust)) if name == "data" else made


@dataclass(frozen=True)
class Law:
    """What must hold. wrong: what is wrong, in words. groups, sections, keys: where a change may help."""

    wrong: Callable[[Parts], str | None]
    groups: Sequence[tuple[str, ...]] = ()  # of which another choice may fit; several = all of them changed
    sections: Sequence[str] = ()  # whose options of a few values may be others
    keys: Sequence[tuple[str, Any]] = ()  # other values that may fit


# ---------------------------------------------------------------------------------------------------- the laws


def _target_axis(parts: Parts) -> str | None:
    """1. The target's axis is one that the task takes."""
    takes: Axis = parts.said("task", "target_axis")
    if parts.target is None or parts.target.axis is takes:
        return None
    return f"{parts.choice('task')} judges {WHERE[takes]}, and this data has {WHERE[parts.target.axis]}"


def _target_item(parts: Parts) -> str | None:
    """2. The target's item is one that the objective judges, where it judges any."""
    judges: Sequence[Item] = parts.said("objective", "judges")
    axes: Sequence[Axis] = getattr(parts.part("objective"), "axes", tuple(Axis))
    takes: Axis = parts.said("task", "target_axis")
    if takes not in axes:
        return f"{parts.choice('task')} judges {WHERE[takes]}, and {parts.choice('objective')} {WHERE[axes[0]]}"
    if parts.target is None or parts.target.item in judges:
        return None
    words = " or ".join(WHAT[item] for item in judges)
    return f"{parts.choice('objective')} judges {words}, and this data's answers are {WHAT[parts.target.item]}"


def _inputs_read(parts: Parts) -> str | None:
    """3. Every input is read by something that reads its kind."""
    read = parts.said("model", "reads")(parts.inputs)
    own = parts.section("model").get("encoders") or {}
    for name, encoder in own.items():
        key = f"model.encoders.{name}"
        if name not in parts.inputs:
            return f"{key} is of no input of this data{did_you_mean(name, parts.inputs)}"
        kind = parts.inputs[name]
        if (kind.item, kind.axis) not in replace(parts, config={**parts.config, key: encoder}).said(key, "reads"):
            return f"{key} does not read the data's input '{name}' ({kind})"
    for name, kind in parts.inputs.items():
        if name not in read and name not in own:
            return f"{parts.choice('model')} has nothing that reads the data's input '{name}' ({kind})"
    return None


def _features(parts: Parts) -> str | None:
    """4. The model's features stand where the task reads them."""
    reads: Axis = parts.said("task", "features")
    gives = parts.features
    if gives is reads:
        return None
    readout = parts.section("model").get("readout")
    model = parts.choice("model") if readout is None else f"model.readout={shown(readout)}"
    return f"{model} gives {WHERE[gives]}, and {parts.choice('task')} judges {WHERE[reads]}"


def _traits(parts: Parts) -> str | None:
    """5. What the objective needs is a trait of the target."""
    for trait in getattr(parts.part("objective"), "needs", ()):
        if parts.target is not None and trait not in parts.target.traits:
            return f"{parts.choice('objective')} needs {TRAITS.get(trait, trait)}, which this data does not have"
    return None


def _losses(parts: Parts) -> str | None:
    """5. A task that needs the loss of each step has an objective that tells it."""
    if not getattr(parts.part("task"), "by_step", False) or hasattr(parts.part("objective"), "losses"):
        return None
    return f"{parts.choice('objective')} does not tell the loss of each step, which {parts.choice('task')} needs"


def _tied(parts: Parts) -> str | None:
    """5. A tied weight is of tokens that are both read and asked, and of a plain output layer."""
    if not parts.section("model").get("tied"):
        return None
    if hasattr(parts.part("objective"), "output_layer"):
        return (
            "model.tied=true makes one weight of the token embedding and the output layer, and that of "
            f"{parts.choice('objective')} is its own"
        )
    if parts.target is not None and parts.target.item is not Item.TOKEN:
        return (
            "model.tied=true shares the weight of a token embedding, and this data's answers are "
            f"{WHAT[parts.target.item]}"
        )
    if parts.features is not Axis.SEQUENCE and not any(SHARED in kind.traits for kind in parts.inputs.values()):
        return (
            "model.tied=true shares the weight of a token embedding, and this data does not ask for the tokens that "
            "it is made of"
        )
    return None


def _shared(parts: Parts) -> str | None:
    """5. A shared embedding is of one vocabulary."""
    if not parts.section("model").get("shared_embedding"):
        return None
    if any(SHARED in kind.traits for kind in parts.inputs.values()):
        return None
    return "model.shared_embedding=true needs a source and answers of one vocabulary, and this data has none"


def _source(parts: Parts) -> str | None:
    """5. What looks back at a source has one."""
    attends = getattr(parts.part("model"), "attends", None)
    looks = attends is not None and attends(parts.section("model"))
    if parts.config.get("attention") is None:
        needed = looks and parts.section("model").get("join") == "attend"
        return "model.join=attend looks at inputs by attention, and attention=none is none" if needed else None
    if not looks:
        return f"{parts.choice('attention')} reads a source, and {parts.choice('model')} has none"
    if all(kind.axis is Axis.STEP for kind in parts.inputs.values()):
        return f"{parts.choice('attention')} reads a source, and this data has none"
    return None


def _decoder(parts: Parts) -> str | None:
    """5. What is said to a decoder is said to a model that has one."""
    model = parts.choice("model")
    if parts.config.get("decoder_cell") is not None and not parts.takes("model", "decoder_cell"):
        return f"{parts.choice('cell@decoder_cell')} is the cell of a decoder, and {model} has none"
    share = parts.config["training"]["scheduled_sampling"]
    if share and not parts.takes("model", "own_share", "forward"):
        return f"training.scheduled_sampling={shown(share)} lets a decoder read what it wrote, and {model} has none"
    return None


def _states(parts: Parts) -> str | None:
    """5. A state that is handed on as it is is one that the other cell can take."""
    if parts.section("model").get("bridge") != "copy" or parts.config.get("decoder_cell") is None or not parts.inputs:
        return None
    shapes = []
    for cell in _cells(parts).values():
        if cell is None:
            return None
        shapes.append([tuple(tensor.shape) for tensor in leaves(cell.initial_state(1))])
    if shapes[0] == shapes[1]:
        return None
    return (
        "model.bridge=copy hands the encoder's final state on as it is, and that of "
        f"{parts.choice('cell')} is none of {parts.choice('cell@decoder_cell')}"
    )


def _own(parts: Parts) -> str | None:
    """5. A part's own options suit each other, the inputs and the target."""
    for name, conflict in parts.saying("conflict"):
        sentence: str | None = conflict(parts.section(name), parts.inputs, parts.target)
        if sentence is not None:
            return sentence
    return None


def _monitor(parts: Parts) -> str | None:
    """6. What says which checkpoint is best is a score of the objective or the task."""
    of_objective: Sequence[str] = parts.said("objective", "scores")
    more = getattr(parts.part("task"), "scores", None)
    known = ("loss", *(of_objective if more is None else more(parts.section("task"), of_objective)))
    monitor = parts.config["training"]["monitor"]
    if monitor in known:
        return None
    hint = did_you_mean(monitor, known) or f": choose {' or '.join(known)}"
    return f"training.monitor={shown(monitor)} is no score of this run{hint}"


def _ahead(parts: Parts) -> str | None:
    """7. What reads ahead has no window, and no target that it would have read."""
    ahead = getattr(parts.part("model"), "ahead", None)
    if ahead is None or not ahead(parts.section("model")):
        return None
    both_ways = parts.section("model").get("bidirectional")
    reader = "model.bidirectional=true" if both_ways else parts.choice("model")
    if parts.target is not None and NEXT in parts.target.traits:
        return f"{reader} cannot predict what comes next, which it would have read"
    window = parts.config["training"]["window"]
    if window is not None:
        return f"training.window={window} cuts what {reader} reads {'from its end' if both_ways else 'as a whole'}"
    return None


def _stream(parts: Parts) -> str | None:
    """7. A stream has no end, so it is read in windows."""
    streams = any(STREAM in kind.traits for kind in parts.inputs.values())
    if streams and parts.config["training"]["window"] is None:
        return "training.window=null, but a running text is a stream, which is read in windows: set training.window"
    return None


LAWS = (
    Law(_stream),
    Law(_ahead, sections=("model",), keys=(("training.window", None),)),
    Law(_target_axis, groups=(("task",), ("task", "model"))),
    Law(_target_item, groups=(("objective",), ("task",), ("task", "objective"))),
    Law(_inputs_read, groups=(("model",),)),
    Law(_features, groups=(("task",), ("model",)), sections=("model",)),
    Law(_traits, groups=(("objective",),), sections=("data",)),
    Law(_losses, groups=(("objective",),)),
    Law(_tied, groups=(("objective",),), sections=("model",)),
    Law(_shared, sections=("data", "model")),
    Law(_source, groups=(("attention",),), keys=(("attention", None),)),
    Law(_decoder, keys=(("decoder_cell", None), ("training.scheduled_sampling", 0.0))),
    Law(_states, sections=("model",)),
    Law(_own),
    Law(_monitor),
)


# ---------------------------------------------------------------------------------------- what would fit instead

NOTHING = {"attention": "attention=none", "decoder_cell": "cell@decoder_cell=null"}  # how no choice is typed


def _choices(parts: Parts, group: str) -> Iterator[tuple[str, Config]]:
    """The other choices of a group that name a class: their names and options."""
    for place in parts.places:
        for path in sorted((place / group).glob("*.yaml")):
            found = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
            if isinstance(found, dict) and "_target_" in found and parts.choice(group) != f"{group}={path.stem}":
                yield path.stem, {str(key): value for key, value in found.items()}


def _instead(parts: Parts, group: str, choice: str, given: Config) -> Parts:
    """The parts with another choice; what a task says to a model goes on being said."""
    if group == "model":
        task = parts.section("task")
        given = {key: task.get(key) if str(value).startswith("${task.") else value for key, value in given.items()}
    made = parts.with_options(group, given, choice)
    if group == "task":
        model = parts.section("model")
        told = {key: given.get(key) for key in build.MODEL_KEYS if key in model}
        made = made.with_options("model", {**model, **told})
    return made


def _right(parts: Parts, laws: Sequence[Law]) -> bool:
    """Whether none of the laws refuses the parts."""
    try:
        return all(law.wrong(parts) is None for law in laws)
    except Exception:  # what was never meant to be built together may fail anyhow
        return False


def _by_choice(parts: Parts, law: Law, laws: Sequence[Law]) -> list[str]:
    """Choices with which the laws hold, as they are typed."""
    for groups in law.groups:
        found = []
        for picked in product(*(list(_choices(parts, group)) for group in groups)):
            made = parts
            for group, (choice, given) in zip(groups, picked, strict=True):
                made = _instead(made, group, choice, given)
            if _right(made, laws):
                found.append(" with ".join(f"{group}={one}" for group, (one, _) in zip(groups, picked, strict=True)))
        if found:
            return found
    return []


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


def _typed(key: str, values: Sequence[Any]) -> str:
    """A key and the values that it may have, in words that go on from "set"."""
    *first, last = map(shown, values)
    return f"{key} to {', '.join(first)} or {last}" if first else f"{key}={last}"


def _tried(parts: Parts, law: Law, name: str, key: str, value: Any) -> bool:
    try:
        return _right(parts.with_options(name, {**parts.section(name), key: value}), [law])
    except ConfigurationError:
        return False


def _put(config: Config, key: str, value: Any) -> Config:
    section, _, last = key.partition(".")
    return {**config, section: {**config[section], last: value} if last else value}


def _advised(parts: Parts, law: Law, wrong: str) -> str:
    """What is wrong, and what to set."""
    every = [other for other in LAWS if other is not law]
    found = [*_by_option(parts, law), *(_by_choice(parts, law, [law, *every]) or _by_choice(parts, law, [law]))]
    return f"{wrong}: set {' or '.join(found)}" if found else wrong


# --------------------------------------------------------------------------------------- what a run is held to


def check(parts: Parts) -> None:
    """Raises ConfigurationError, which names what would fit, where a law does not hold."""
    for law in LAWS:
        wrong = law.wrong(parts)
        if wrong is not None:
            raise ConfigurationError(_advised(parts, law, wrong))
    _cells(parts)
    _attention(parts)
    targets = getattr(parts.source, "targets", None)
    if targets is not None:
        build.make(parts.config["objective"], parts.trust, targets=targets)


def _cells(parts: Parts) -> dict[str, Any]:
    """A small cell of each side, so that what it refuses is refused now."""
    return {
        name: _small(parts, name, input_size=1, hidden_size=2)
        for name in ("cell", "decoder_cell")
        if parts.config.get(name) is not None
    }


def _attention(parts: Parts) -> None:
    width = parts.section("model").get("hidden_size")
    if parts.config.get("attention") is not None and width is not None:
        _small(parts, "attention", query_size=width, memory_size=width)


def _small(parts: Parts, name: str, **sizes: int) -> Any:
    """A part made without memory; None where its class cannot be made so. Raises ConfigurationError."""
    try:
        with torch.device("meta"):
            return build.make(parts.section(name), parts.trust, **sizes)
    except ConfigurationError:
        raise
    except Exception:  # of a user's own
        return None


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
    model, choice = parts.section("model"), parts.choice("model")
    if not parts.takes("model", "cell"):
        cell = ("groups.cell", *(f"cell.{key}" for key in parts.section("cell")))
        found |= dict.fromkeys(cell, f"{choice} has no recurrence")
    for key in parts.section("task").keys() & {*build.MODEL_KEYS}:
        if key not in model:
            found[f"task.{key}"] = f"{choice} has no {key}"
        elif model[key] != parts.section("task")[key]:
            found[f"task.{key}"] = f"model.{key}={shown(model[key])} is said"
    for key, why in found.items():
        value = relations.lookup(parts.config, key, None)
        if key in defaults and value != defaults[key]:
            typed = key.removeprefix("groups.")
            raise ConfigurationError(
                f"{typed}={shown(value)} has no effect: {why}; leave it out, or set {typed}={shown(defaults[key])}"
            )
