"""Which columns are read, which of them step by step, and which one is asked for: known before data is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from seqnet.data.asking import Inputs
from seqnet.data.fields.field import Field
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.kinds import ENDS, NEXT, ONE, SHARED, WORDS, Axis, Item, Kind


@dataclass(frozen=True)
class Layout:
    """Inputs and a target, and how they stand to each other; made by `lay_out`.

    fields: those that are used, before they learn. read: the inputs by how they are read. joint: of fields that share
    the vocabulary of another, that one's name. running: the target is the text that is read, from end to end. lags: so
    many of its last values are read by the output layer too.
    """

    fields: Mapping[str, Field]
    inputs: tuple[str, ...]
    target: str
    read: Inputs
    joint: Mapping[str, str]
    horizon: int | None
    running: bool
    lags: int | None = None

    @property
    def written(self) -> bool:
        """Whether the target is written token by token."""
        return not self.running and is_text(self.fields[self.target].kind)

    @property
    def again(self) -> bool:
        """Whether the target is an input too, so that its next step is asked for."""
        return self.target in self.inputs

    @property
    def asked_at_steps(self) -> bool:
        """Whether the target has a value of its own for each step of the first input."""
        return self.fields[self.target].kind.axis is Axis.STEP and not self.again

    @property
    def stepped(self) -> dict[str, bool]:
        """Which fields have a value for each step."""
        return {name: one.kind.axis is Axis.STEP for name, one in self.fields.items()}

    @property
    def shares_with_target(self) -> frozenset[str]:
        """The fields of the target's vocabulary."""
        sharing = {name for name, other in self.joint.items() if other == self.target}
        return frozenset({self.target, *sharing, *({self.joint[self.target]} if self.target in self.joint else ())})

    @property
    def input_kinds(self) -> dict[str, Kind]:
        """What each input holds: the first, unless it is a source, step by step."""
        kinds = {name: self.fields[name].kind for name in self.inputs}
        if self.read.first is not None and not self.written:
            first = kinds[self.read.first]
            one = {ONE} if first.axis is Axis.ROW else set()
            kinds[self.read.first] = replace(first, axis=Axis.STEP, traits=first.traits | one)
        for name in self.shares_with_target & kinds.keys():
            kinds[name] = replace(kinds[name], traits=kinds[name].traits | {SHARED})
        return kinds

    @property
    def target_kind(self) -> Kind:
        """What is asked: a field's next steps where it is an input too."""
        kind = self.fields[self.target].kind
        if self.written:
            return replace(kind, traits=kind.traits | {ENDS})
        return replace(kind, axis=Axis.STEP, traits=kind.traits | {NEXT}) if self.again else kind

    @property
    def seasons(self) -> dict[str, int | None]:
        """The series that are scaled by what was read so far, and the season of each."""
        inputs = {name: self.fields[name] for name in self.inputs}
        return {name: one.season for name, one in inputs.items() if getattr(one, "by_window", False)}  # type: ignore[attr-defined]

    @property
    def forecasts(self) -> bool:
        """Whether the next steps of numbers are asked for."""
        return self.again and not self.running and self.fields[self.target].kind.item is Item.NUMBER


def is_text(kind: Kind) -> bool:
    """Whether it is tokens of a length of their own."""
    return kind.item is Item.TOKEN and kind.axis is Axis.SEQUENCE


def lay_out(
    fields: Mapping[str, Field],
    inputs: Sequence[str],
    target: str | None,
    horizon: int | None,
    lags: int | None = None,
) -> Layout:
    """The layout of those fields that are used, which are told what they are for. Raises ConfigurationError."""
    if not inputs and target is None:
        raise ConfigurationError("data.inputs and data.target name no field: say what is read and what is asked for")
    asked = _known("data.target", target, fields)
    names = tuple(_known("data.inputs", one, fields) for one in inputs)
    if len(set(names)) < len(names):
        raise ConfigurationError(f"data.inputs={','.join(names)} names a field twice")
    used = {one: fields[one] for one in dict.fromkeys([*names, asked])}
    joint = _shared(used)
    running = names == (asked,) and is_text(used[asked].kind)
    if running:
        used[asked].stream()  # type: ignore[attr-defined]
    _check_asked(used, names, asked, {"horizon": horizon, "lags": lags}, running)
    layout = Layout(used, names, asked, _read(used, names, asked), joint, horizon, running, lags)
    _check_augmented(layout)
    _check_varied(layout)
    if layout.written:
        for one in {asked, layout.read.first}:
            if one is not None and is_text(used[one].kind):
                used[one].strip()  # type: ignore[attr-defined]
    return layout


def _known(key: str, name: str | None, fields: Mapping[str, Field]) -> str:
    if name not in fields:
        hint = did_you_mean(str(name), fields) or f": add it with +field@data.fields.{name}=TYPE"
        raise ConfigurationError(f"{key}={name} is no field of this data{hint}")
    return str(name)


def _shared(fields: Mapping[str, Field]) -> dict[str, str]:
    """Let fields share the vocabularies that they name; whose each of them takes."""
    joint: dict[str, str] = {}
    for name, one in fields.items():
        other = getattr(one, "vocabulary", None)
        if not isinstance(other, str):
            continue
        if other not in fields or other == name:
            hint = did_you_mean(other, [each for each in fields if each != name])
            raise ConfigurationError(
                f"data.fields.{name}.vocabulary={other} is no other field that is read or asked for{hint}"
            )
        one.share(fields[other])  # type: ignore[attr-defined]
        joint[name] = other
    return joint


def _check_asked(
    fields: Mapping[str, Field], inputs: Sequence[str], target: str, steps: Mapping[str, int | None], running: bool
) -> None:
    """What asks for next steps has some. Raises ConfigurationError."""
    kind, again = fields[target].kind, target in inputs
    if again and not running and kind.axis is not Axis.STEP:
        raise ConfigurationError(
            f"data.target={target} is an input too, so its next step is asked for, and {kind.axis} has none: "
            "take it out of data.inputs"
        )
    for key, value in steps.items():
        if value is not None and not (again and kind.item is Item.NUMBER):
            raise ConfigurationError(
                f"data.{key}={value} is of a series that is read and forecast: name it in data.inputs and in "
                f"data.target, or set data.{key}=null"
            )
    for name, one in fields.items():
        season = getattr(one, "season", None)
        if season is not None and not (one.by_window or (again and name == target)):  # type: ignore[attr-defined]
            raise ConfigurationError(
                f"data.fields.{name}.season={season} has no effect with scale=standard or none of a series that is not "
                "forecast: leave it out"
            )
    if getattr(fields[target], "by_window", False) and not again:
        raise ConfigurationError(
            f"data.fields.{target}.scale=window is of a series that is read: name it in data.inputs too, or "
            "set its scale to standard"
        )


def _read(fields: Mapping[str, Field], inputs: Sequence[str], target: str) -> Inputs:
    """Which inputs are aligned with the first one. Raises ConfigurationError."""
    kind = fields[target].kind
    if not inputs:
        if not is_text(kind):
            raise ConfigurationError("data.inputs=[] reads nothing, which only a target that is written goes with")
        return Inputs(None)
    first, *rest = inputs
    stepped = fields[first].kind.axis is Axis.STEP
    views = [name for name in rest if fields[name].kind.axis is Axis.STEP]
    asked_at_steps = kind.axis is Axis.STEP and target not in inputs
    if (views or asked_at_steps) and not stepped:
        other = views[0] if views else target
        tokens = f", or choose field@data.fields.{first}=tokens" if WORDS in fields[first].kind.traits else ""
        raise ConfigurationError(
            f"{other} has a value for each step of the first input, and {first} has none: "
            f"put what has steps first in data.inputs{tokens}"
        )
    if views and is_text(kind):
        raise ConfigurationError(
            f"{views[0]} has a value for each step of the source, which a model that writes does not read: take it "
            "out of data.inputs"
        )
    return Inputs(first, tuple(views), tuple(name for name in rest if name not in views))


def _check_augmented(layout: Layout) -> None:
    """What is changed at random in training is what is read and asked alike. Raises ConfigurationError."""
    for name, one in layout.fields.items():
        if getattr(one, "augment", None) is not None and not name == layout.target == layout.read.first:
            raise ConfigurationError(
                f"data.fields.{name} is changed at random in training (transpose), inputs and targets alike, so it "
                "must be the first of data.inputs and data.target too: set those, or leave the option out"
            )


def _check_varied(layout: Layout) -> None:
    """What is changed at random by itself is read, and nothing stands at its steps that move. ConfigurationError."""
    for name, one in layout.fields.items():
        if getattr(one, "vary", None) is None:
            continue
        if name not in layout.inputs:
            raise ConfigurationError(
                f"data.fields.{name} is changed at random in training where it is read, and it is not among "
                "data.inputs: leave that option out"
            )
        aligned = layout.target_kind.axis is Axis.STEP or layout.read.views
        if getattr(one, "reorders", False) and aligned and name in (layout.read.first, *layout.read.views):
            raise ConfigurationError(
                f"data.fields.{name} is read in another order in training (both_strands), and {layout.target} or "
                "another input has a value for each of its steps: leave that option out"
            )
