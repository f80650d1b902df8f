"""What a model and a task are told of columns, once their fields have learned."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from seqnet.data.asking import Asking, EveryStep, NextSteps, OnceARow, RunningText, Written, forecast
from seqnet.data.examples import Ragged
from seqnet.data.fields.field import Field
from seqnet.data.formats.format import Column
from seqnet.data.layout import Layout
from seqnet.data.scaled_so_far import scaled_so_far
from seqnet.data.teacher_forcing import with_ends, writing
from seqnet.data.vocabulary import UNKNOWN
from seqnet.kinds import AHEAD, LETTERS, Axis, Item
from seqnet.specs import Frame, Image, Spec, Spelling, Tokens, Vector, Writing


@dataclass(frozen=True)
class Fitted:
    """The spaces of inputs and targets, and how these are asked; made by `fitted`. fields: that have learned."""

    layout: Layout
    fields: Mapping[str, Field]
    inputs: Spec
    targets: Spec
    views: Mapping[str, Spec]
    wholes: Mapping[str, Spec]
    asking: Asking
    source: Spec | None = None
    writing: Writing | None = None
    step: Spec | None = None  # of a target that is forecast: one step of it
    recent: Spec | None = None  # its last values, as the output layer reads them

    def space_of(self, name: str) -> Spec:
        """What an input is to a model."""
        return self.inputs if name == self.layout.read.first else {**self.views, **self.wholes}[name]

    def writing_at_most(self, longest: int) -> "Fitted":
        """The same once it is known how many steps the longest target has; where none is written, as it is."""
        if self.writing is None:
            return self
        how = replace(self.writing, longest=longest)
        return replace(self, writing=how, asking=Written(self.layout.read, self.layout.target, how))

    def at_each_step(self, columns: Mapping[str, Ragged]) -> Mapping[str, Ragged]:
        """The columns as they are read; what asks for next steps scales them itself."""
        return columns if isinstance(self.asking, NextSteps) else scaled_so_far(columns, self.layout.seasons)


def fitted(layout: Layout, fields: Mapping[str, Field], columns: Mapping[str, Column]) -> Fitted:
    """What is known of fields once they are shown all their values or restored, which ends their learning."""
    shaped = {name: _shaped(layout, name, one, columns[name]) for name, one in fields.items()}
    read, asked = layout.read, layout.target
    target = shaped[asked]
    views = {name: shaped[name] for name in read.views}
    wholes = {name: shaped[name] for name in read.wholes}
    if layout.running:
        return Fitted(layout, fields, target, target, views, wholes, RunningText(asked))
    if layout.written:
        assert isinstance(target, Tokens)
        tokens = with_ends(target.names, target.ranked, target.unknown)
        how = writing(tokens, 1, fields[asked].encoding.forbidden)  # type: ignore[attr-defined]
        if (grammar := getattr(fields[asked], "grammar", None)) is not None:
            how = replace(how, grammar=grammar(tokens.names, how.end))
        source = None
        if read.first is not None:
            source = tokens if read.first in layout.shares_with_target else shaped[read.first]
        asking: Asking = Written(read, asked, how)
        return Fitted(layout, fields, tokens, tokens, views, wholes, asking, source, how)
    assert read.first is not None
    inputs = _stepped(shaped[read.first])
    if layout.again:
        horizon, step = layout.horizon or 1, target
        recent = None if layout.lags is None else Vector(layout.lags * step.size)
        target = forecast(target, horizon)
        ahead = [name for name in layout.inputs if AHEAD in fields[name].kind.traits]
        views |= {name: _stepped(forecast(views[name], horizon)) for name in ahead if name in views}
        season = (getattr(fields[asked], "season", None) or 1) if layout.forecasts else None
        asking = NextSteps(read, asked, target, horizon, tuple(ahead), layout.seasons, season, layout.lags)
        return Fitted(layout, fields, inputs, target, views, wholes, asking, step=step, recent=recent)
    if layout.asked_at_steps:
        asking = EveryStep(read, asked, target)
    else:
        asking = OnceARow(read, asked, target)
    return Fitted(layout, fields, inputs, target, views, wholes, asking)


def _shaped(layout: Layout, name: str, one: Field, column: Column) -> Spec:
    """What was learned, with what the field's kind says; a label that is read may be one never seen."""
    space, kind = one.learned(), one.kind
    if isinstance(space, Tokens) and LETTERS in kind.traits:
        return Spelling(space.names, one.most)  # type: ignore[attr-defined]
    if isinstance(space, Tokens) and kind.item is Item.LABEL and name in layout.inputs and name != layout.target:
        space = replace(space, names=(*space.names, UNKNOWN))
    if isinstance(space, Image) and kind.axis is not Axis.GRID:  # a picture a step
        return Frame.of(space, kind.axis)
    if isinstance(space, Vector) and not space.names and isinstance(column, list) and len(column) == space.size:
        space = replace(space, names=tuple(map(str, column)))
    return replace(space, axis=kind.axis)


def _stepped(space: Spec) -> Spec:
    """What is stepped through: of a picture its rows."""
    return Vector(space.size) if isinstance(space, Image) else replace(space, axis=Axis.STEP)
