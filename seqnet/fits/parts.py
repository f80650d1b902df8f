"""What the classes of a configuration say of themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import Parameter, isfunction, signature
from pathlib import Path
from typing import Any

from seqnet import build, relations, trust
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis, Kind
from seqnet.options import shown

Config = dict[str, Any]
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


@dataclass(frozen=True)
class Parts:
    """A configuration, its data source, which has read nothing yet, and where the files of groups are."""

    config: Config
    source: Any
    trust: Sequence[str] | None = None
    places: Sequence[Path] = ()

    def section(self, name: str) -> Config:
        """The options of a section; none where nothing is chosen."""
        found = self.config[name] if name in self.config else relations.lookup(self.config, name, None)
        return found if isinstance(found, dict) else {}

    def options(self, name: str) -> Config:
        """The options of a section, and what its class has for those that are not said.

        What a class inherits may ask for options that only the class it comes from takes.
        """
        part = self.part(name)
        bases = [vars(one) for one in reversed(part.__mro__)] if isinstance(part, type) else []
        makers = [*(own["__init__"] for own in bases if isfunction(own.get("__init__"))), part]
        taken = [each for maker in makers for each in signature(maker).parameters.values()]
        return {each.name: each.default for each in taken if each.default is not Parameter.empty} | self.section(name)

    def choice(self, group: str) -> str:
        """A group and what is chosen of it, as it is typed."""
        return f"{trust.spelled(group)}={self.config['groups'].get(group, 'null')}"

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
        config = {**self.config, "groups": groups}
        package, _, last = trust.package_of(name).partition(".")
        config[package] = {**self.section(package), last: changed} if last else changed
        made = replace(self, config=config)
        return replace(made, source=build.source(config, self.trust)) if name == "data" else made
