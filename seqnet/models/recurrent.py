"""The recurrent model: encoders of its inputs, recurrent layers, readout, linear head."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from seqnet.batch import LAGS, Batch, Output, Whole
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.kinds import Axis, Kind
from seqnet.layers.dropout import Drop, idle_locked
from seqnet.layers.stack import idle_between, stacked
from seqnet.layers.unroll import padding, within
from seqnet.linear import Linear
from seqnet.models.encoder import Encoder, whole_encoders
from seqnet.models.encoders.inputs import Inputs, Make, blank, idle_embedding, readable
from seqnet.models.encoders.tokens import NOT_LINEAR, TokenEmbedding, tie
from seqnet.models.joins.concat import Concat
from seqnet.models.joins.join import Join
from seqnet.models.joins.state import InitialState
from seqnet.models.linear_base import begin_with_ridge
from seqnet.options import Dropout, Width, number, shown, whole
from seqnet.specs import Spec
from seqnet.state import State, where

READOUTS = ("all", "last", "mean", "max", "mean_max")


class Pooled(NamedTuple):
    """What a readout of one vector a row knows so far."""

    value: Tensor  # [batch feature]: the last output, the sum, the maximum or both of the outputs so far; at first 0
    steps: Tensor  # [batch]: how many steps were read so far


class RecurrentState(NamedTuple):
    """State of a `Recurrent` model."""

    layers: tuple[State, ...]
    pooled: Pooled | None  # None where every step is read out
    position: Tensor | None = None  # [batch] int64: how many steps were read; None where nothing is joined to them


Joined = tuple[Any, ...]
"""What each join made of the further inputs of a window."""


class Recurrent(nn.Module):
    """Any cell, any depth, one or two directions, read out at every step or once a row.

    cell: makes a cell of (input_size, hidden_size). readout: `all` steps, or one vector a row: the `last` valid
    output of the top layer (of the right-to-left half the one at the row's first step), or the `mean` or `max`
    of the outputs so far, or both side by side. tied: the output layer's weight is the token embedding's.
    embedding_size None: tokens one-hot, numbers as they are. embedding_std: of a token embedding at the beginning,
    of a tied one at most 0.1. views: further inputs of the same steps. wholes: further inputs that are read whole.
    join: makes a `Join` of encoders by name, which says what is done with all of these; None: `Concat` for one value a
    row, `InitialState` for the rest. attention: what a join may look at them by.
    encoders: in place of `make_encoder`, by an input's name. head: makes the output layer of its width in place of
    `nn.Linear`. recent: a series' last values, which the output layer reads too (see `linear_base`). Raises
    ConfigurationError for an unknown readout and for `tied` where the two weights differ in shape.
    """

    @staticmethod
    def reads(inputs: Mapping[str, Kind]) -> set[str]:
        """The names of the inputs that it reads: one that it steps through, and whatever stands beside it."""
        return readable(inputs) if any(kind.axis is Axis.STEP for kind in inputs.values()) else set()

    @staticmethod
    def features(options: Mapping[str, Any]) -> Axis:
        """Where its features stand."""
        return Axis.STEP if options["readout"] == "all" else Axis.ROW

    @staticmethod
    def ahead(options: Mapping[str, Any]) -> bool:
        """Whether it reads its inputs from their end, too."""
        return bool(options["bidirectional"])

    @staticmethod
    def conflict(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> str | None:
        """A tied weight is as wide as the top layer."""
        size, hidden = options["embedding_size"], options["hidden_size"]
        if options["tied"] and size != hidden * (1 + options["bidirectional"]):
            return (
                f"model.tied=true needs model.embedding_size={shown(size)} to be as wide as the top layer, which is "
                f"model.hidden_size={hidden} in each direction: change one of them, or set model.tied=false"
            )
        return None

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Options that change nothing, and why."""
        found = idle_between(options) | idle_locked(options) | idle_embedding(options, inputs.values())
        if all(kind.axis is Axis.STEP for kind in inputs.values()):
            found["join"] = "it is of inputs that are read whole beside the first, and this data has none"
        return found

    def __init__(
        self,
        cell: Callable[[int, int], nn.Module],
        inputs: Spec,
        views: Mapping[str, Spec],
        out_features: int,
        hidden_size: Width = 128,
        num_layers: Annotated[int, whole(1, 1000)] = 1,
        bidirectional: bool = False,
        embedding_size: Width | None = 64,
        embedding_std: Annotated[float, number(above=0, most=1000)] = 1.0,
        input_dropout: Dropout = 0.0,
        dropout: Dropout = 0.0,
        output_dropout: Dropout = 0.0,
        residual: bool = False,
        readout: Literal["all", "last", "mean", "max", "mean_max"] = "all",
        tied: bool = False,
        fused: bool = True,
        wholes: Mapping[str, Spec] = MappingProxyType({}),
        join: Callable[..., Join] | None = None,
        attention: Callable[[int, int], nn.Module] | None = None,
        encoders: Mapping[str, Make] = MappingProxyType({}),
        head: Callable[[int], nn.Module] | None = None,
        recent: Spec | None = None,
    ) -> None:
        super().__init__()
        if readout not in READOUTS:
            known = ", ".join(READOUTS)
            raise ConfigurationError(f"model.readout={readout} is not one of {known}{did_you_mean(readout, READOUTS)}")
        self.inputs = Inputs(inputs, views, embedding_size, embedding_std, encoders)
        read = whole_encoders(wholes, encoders, cell, hidden_size, embedding_size, embedding_std, fused)
        by_way: dict[Callable[..., Join], dict[str, Encoder]] = {}
        for name, space in wholes.items():
            way = join or (Concat if space.axis is Axis.ROW else InitialState)
            by_way.setdefault(way, {})[name] = read[name]
        self.joins = nn.ModuleList(way(encoders=its) for way, its in by_way.items())
        width = self.inputs.size + sum(one.size for one in self._joins())
        self.layers = stacked(cell, width, hidden_size, num_layers, bidirectional, dropout, residual, fused)
        for one in self._joins():
            one.attach(width, self.layers, attention)
        self.recent = recent is not None
        self.read_size = self.layers.size * (2 if readout == "mean_max" else 1)  # of the vector that is read out
        width = self.read_size + (0 if recent is None else recent.size)
        self.head = Linear(width, out_features) if head is None else head(width)
        self.readout = readout
        self.bidirectional = bidirectional
        self.input_dropout = Drop(input_dropout)
        self.output_dropout = Drop(output_dropout)
        if tied:
            self._tie(embedding_std)

    def _tie(self, embedding_std: float) -> None:
        embedding = self.inputs.main
        if not isinstance(embedding, TokenEmbedding) or self.inputs.beside:
            raise ConfigurationError(
                "model.tied=true shares the weight of a token embedding, and this model has none: "
                "set model.embedding_size and read nothing beside the tokens, or set model.tied=false"
            )
        rows, size = embedding.embedding.weight.shape
        if size != self.head.in_features:
            raise ConfigurationError(
                f"model.tied=true needs model.embedding_size={size} to equal the width of the top layer, which "
                f"model.hidden_size{' (twice, being bidirectional)' if self.bidirectional else ''} makes "
                f"{self.head.in_features}"
            )
        if rows != self.head.out_features:
            raise ConfigurationError(
                f"model.tied=true needs outputs over the input's {rows} tokens, but this task's objective "
                f"has {self.head.out_features} outputs: set model.tied=false"
            )
        if not isinstance(self.head, nn.Linear):
            raise ConfigurationError(NOT_LINEAR)
        tie(embedding.embedding, self.head, embedding_std)

    def encoders(self) -> dict[str, nn.Module]:
        """What reads each input, by the input's name; the first one's is empty."""
        found: dict[str, nn.Module] = {"": self.inputs.main, **self.inputs.by_name()}
        for join in self._joins():
            found |= join.by_name()
        return found

    def _joins(self) -> tuple[Join, ...]:
        return tuple(self.joins)  # type: ignore[arg-type]

    def begin_with(self, batches: Iterable[Batch]) -> None:
        """Set what is known in closed form from all batches of training. Raises ConfigurationError."""
        if self.recent:
            begin_with_ridge(self.head, self.layers.size, batches)

    def initial_state(self, batch_size: int) -> RecurrentState:
        """The state at the beginning of every row."""
        position = None
        if self.joins:
            position = next(self.parameters()).new_zeros(batch_size, dtype=torch.int64)
        return RecurrentState(self.layers.initial_state(batch_size), self._nothing_pooled(batch_size), position)

    def begin(self, batch: Batch) -> tuple[Joined, RecurrentState]:
        """Read a batch's further inputs: what every step needs of them, and the state in which the rows begin."""
        state, joined = self.initial_state(batch.size), self._joined(batch.wholes)
        for join, prepared in zip(self._joins(), joined, strict=True):
            state = state._replace(layers=join.first(prepared, state.layers))
        return joined, state

    def _joined(self, wholes: Mapping[str, Whole]) -> Joined:
        return tuple(join.prepare(wholes) for join in self._joins())

    def _nothing_pooled(self, batch_size: int) -> Pooled | None:
        if self.readout == "all":
            return None
        weight = next(self.parameters())
        return Pooled(weight.new_zeros(batch_size, self.read_size), weight.new_zeros(batch_size, dtype=torch.int64))

    def reset(self, state: RecurrentState | None, starts: Tensor) -> RecurrentState | None:
        """`state`, with the rows that begin a new sequence at their beginning. starts: [batch] bool."""
        return None if state is None else where(starts, self.initial_state(len(starts)), state)

    def forward(self, window: Batch, state: RecurrentState | None = None) -> Output:
        """Features [batch time feature], or [batch feature] for a readout of one vector a row.

        The state returned is the one after `window.advance` steps. Raises ConfigurationError where a model that
        reads right to left would have to stop half-way.
        """
        lengths = None if window.full else window.lengths
        if state is None and self.joins:
            joined, state = self.begin(window)
        else:
            joined = self._joined(window.wholes)
        x = self._read(window.inputs, window.views, lengths, joined)
        time, advance = window.time, window.advance
        if advance == time:
            y, carried = self._run(x, state, lengths, joined)
            return self._output(y, carried.pooled, window, carried)
        self._refuse_halves()
        y, carried = self._run(x[:, :advance], state, within(lengths, 0, advance), joined)
        rest, final = self._run(x[:, advance:], carried, within(lengths, advance, time), joined)
        return self._output(torch.cat([y, rest], dim=1), final.pooled, window, carried)

    def _output(self, y: Tensor, pooled: Pooled | None, window: Batch, carried: RecurrentState) -> Output:
        features = self._features(y, pooled, window.views)
        return Output(features, self.head, carried, undropped=y if pooled is None else None)

    def step(
        self,
        inputs: Tensor,
        state: RecurrentState,
        views: Mapping[str, Tensor] | None = None,
        head: nn.Module | None = None,
        joined: Joined | None = None,
    ) -> tuple[Tensor, RecurrentState]:
        """One step: logits [batch out] and the new state.

        inputs: [batch] or [batch feature]; views: each [batch ...]; head: the output layer, None = the model's own;
        joined: what `begin` made of the further inputs, where there are any.
        Raises ConfigurationError for a bidirectional model.
        """
        self._refuse_halves()
        ahead = {name: view.unsqueeze(1) for name, view in (views or {}).items()}
        joined = joined or self._joined({})
        y, state = self._run(self._read(inputs.unsqueeze(1), ahead, None, joined), state, None, joined)
        features = self._features(y, state.pooled, ahead)
        logits: Tensor = (head or self.head)(features[:, 0] if state.pooled is None else features)
        return logits, state

    def _refuse_halves(self) -> None:
        if self.bidirectional:
            raise ConfigurationError(
                "model.bidirectional=true reads each row from its end too, so it cannot be cut into windows or "
                "run step by step: set training.window=null or model.bidirectional=false"
            )

    def _read(self, inputs: Tensor, views: Mapping[str, Tensor], lengths: Tensor | None, joined: Joined) -> Tensor:
        if lengths is not None:  # whatever stands in padding, even NaN, must reach no weight's gradient
            ended = padding(lengths, inputs.shape[1])
            inputs = blank(inputs, ended)
            views = {name: blank(view, ended) for name, view in views.items()}
        x: Tensor = self.inputs(inputs, views)
        for join, prepared in zip(self._joins(), joined, strict=True):
            x = join.before(prepared, x)
        dropped: Tensor = self.input_dropout(x)
        return dropped

    def _run(
        self, x: Tensor, state: RecurrentState | None, lengths: Tensor | None, joined: Joined
    ) -> tuple[Tensor, RecurrentState]:
        layers, pooled, position = state if state is not None else (None, self._nothing_pooled(x.shape[0]), None)
        y, layers = self.layers(x, layers, lengths)
        if position is not None:
            steps = position[:, None] + torch.arange(y.shape[1], device=y.device)
            for join, prepared in zip(self._joins(), joined, strict=True):
                y = join.after(prepared, y, steps)
            if lengths is not None:
                y = blank(y, padding(lengths, y.shape[1]))
            position = position + (y.shape[1] if lengths is None else lengths)
        return y, RecurrentState(layers, self._pool(pooled, y, lengths), position)

    def _pool(self, pooled: Pooled | None, y: Tensor, lengths: Tensor | None) -> Pooled | None:
        """What is known after the outputs y [batch time feature] too, which are 0 in padding."""
        if pooled is None:
            return None
        steps = pooled.steps + (y.shape[1] if lengths is None else lengths)
        if self.readout == "mean":
            return Pooled(pooled.value + y.sum(1, dtype=pooled.value.dtype), steps)
        if self.readout == "max":
            return Pooled(_highest(pooled.value, pooled.steps, steps, y, lengths), steps)
        if self.readout == "mean_max":
            total, highest = pooled.value.chunk(2, dim=-1)
            total = total + y.sum(1, dtype=total.dtype)
            highest = _highest(highest, pooled.steps, steps, y, lengths)
            return Pooled(torch.cat([total, highest], dim=-1), steps)
        value = self._last(y, lengths).to(pooled.value.dtype)
        return Pooled(value if lengths is None else torch.where(lengths[:, None] > 0, value, pooled.value), steps)

    def _last(self, y: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            last = y[:, -1]
        else:
            last = y.gather(1, (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, y.shape[2])).squeeze(1)
        if not self.bidirectional:
            return last
        half = y.shape[2] // 2
        return torch.cat([last[:, :half], y[:, 0, half:]], dim=-1)

    def _features(self, y: Tensor, pooled: Pooled | None, views: Mapping[str, Tensor]) -> Tensor:
        if pooled is not None:
            y = pooled.value
            count = pooled.steps.clamp(min=1)[:, None]
            if self.readout == "mean":
                y = y / count
            elif self.readout == "mean_max":
                total, highest = y.chunk(2, dim=-1)
                y = torch.cat([total / count, highest], dim=-1)
        y = self.output_dropout(y)
        return torch.cat([y, views[LAGS]], dim=-1) if self.recent else y


def _highest(before: Tensor, steps_before: Tensor, steps: Tensor, y: Tensor, lengths: Tensor | None) -> Tensor:
    """The maximum [batch feature] of what was there `before` and of the outputs y [batch time feature].

    steps_before, steps: [batch], how many were read before and with these.
    """
    if lengths is not None:
        y = y.masked_fill(padding(lengths, y.shape[1])[..., None], -torch.inf)
    highest = y.amax(1).to(before.dtype)
    highest = torch.where(steps_before[:, None] > 0, torch.maximum(before, highest), highest)
    return torch.where(steps[:, None] > 0, highest, before)
