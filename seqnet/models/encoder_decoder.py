"""The encoder-decoder: a source is read whole, a recurrent decoder writes a sequence, attention looks back."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from seqnet.attention.memory import Attended, Memory
from seqnet.attention.mixture import MixtureLayer, packed
from seqnet.batch import Batch, Output
from seqnet.draws import uniform
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis, Kind
from seqnet.layers.dropout import Drop, idle_locked
from seqnet.layers.stack import idle_between, stacked
from seqnet.layers.unroll import padding, within
from seqnet.linear import Linear, linear
from seqnet.models.attending import DecoderState, attend, output
from seqnet.models.bridge import Bridge
from seqnet.models.encoder import Encoder, at_least_one
from seqnet.models.encoders.inputs import Make, blank, idle_embedding, make_encoder
from seqnet.models.one_embedding import share, tie_output
from seqnet.models.source import conflict as source_conflict
from seqnet.models.source import encoders_of, source_encoder
from seqnet.models.source import reads as source_reads
from seqnet.options import Dropout, Width, number, whole
from seqnet.specs import Spec, Tokens
from seqnet.state import State, where


class EncoderDecoder(nn.Module):
    """Any cell on both sides, a bridge between their states, and any attention.

    A step's attentional vector is tanh(W [context; output]) of the top layer's output, which is the query
    (Luong et al. 2015, equation 5); without attention it is the output itself, or tanh(W output) where tied weights
    are of another width. The head makes logits of it. Of an attention that is judged at each position by itself there
    is one vector a position, and the head mixes what they answer (see `seqnet.attention.mixture`).
    cell, decoder_cell: make a cell of (input_size, hidden_size); without a decoder_cell both sides are alike.
    attention: makes one of (query_size, memory_size), or None. source: what is read; None = nothing at all.
    encoder: `recurrent` layers over the source, or `none`: the source's own vectors are the memory, for a source that
    is one label, vector or picture. bridge: see Bridge. bidirectional: the encoder. hidden_size, num_layers,
    dropout, residual: of both sides. embedding_size None: tokens one-hot, numbers as they are.
    input_feeding: the last attentional vector is read beside the next input (Luong et al. 2015, section 3.3);
    runs step by step. tied: the output layer's weight is the target embedding's, as wide. shared_embedding:
    source and target words have one embedding. wholes: further inputs; what each says as a whole stands beside every
    vector of the source. encoders: in place of `make_encoder`, by an input's name. head: makes the output layer of its
    width in place of `nn.Linear`.
    Raises ConfigurationError for what does not go together.
    """

    @staticmethod
    def reads(inputs: Mapping[str, Kind]) -> set[str]:
        """The names of the inputs that it reads: a source, and others beside it, each whole."""
        return source_reads(inputs)

    @staticmethod
    def attends(options: Mapping[str, Any]) -> bool:
        """Whether it looks back at inputs by attention."""
        return True

    @staticmethod
    def features(options: Mapping[str, Any]) -> Axis:
        """Where its features stand: at what it writes."""
        return Axis.SEQUENCE

    @staticmethod
    def conflict(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> str | None:
        """What a source, an encoder and a bridge cannot be together."""
        if not inputs:
            return None
        both, none = options["bidirectional"], options["encoder"] == "none"
        if options["bridge"] == "copy" and none:
            return (
                "model.bridge=copy hands the encoder's final state on as it is, and model.encoder=none has none: "
                "set model.bridge=linear or task.encoder=recurrent"
            )
        if options["bridge"] == "copy" and both:
            return (
                "model.bridge=copy hands the encoder's final state on as it is, and model.bidirectional=true makes "
                "two of it: set model.bridge=linear or model.bidirectional=false"
            )
        return source_conflict(options, inputs)

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Options that change nothing, and why."""
        written = [] if target is None else [target]
        found = idle_between(options) | idle_locked(options) | idle_embedding(options, [*inputs.values(), *written])
        if not inputs:
            found |= dict.fromkeys(("encoder", "bidirectional", "bridge"), "it is of a source, and this data has none")
        return found

    mixes = True  # what is answered at each position of a source
    bidirectional = False  # the decoder, which is what is cut into windows and run step by step

    def __init__(
        self,
        cell: Callable[[int, int], nn.Module],
        inputs: Spec,
        out_features: int,
        source: Spec | None = None,
        wholes: Mapping[str, Spec] = MappingProxyType({}),
        decoder_cell: Callable[[int, int], nn.Module] | None = None,
        attention: Callable[[int, int], nn.Module] | None = None,
        encoder: Literal["recurrent", "none"] = "recurrent",
        hidden_size: Width = 128,
        num_layers: Annotated[int, whole(1, 1000)] = 1,
        bidirectional: bool = False,
        bridge: Literal["linear", "copy", "zero"] = "linear",
        input_feeding: bool = False,
        embedding_size: Width | None = 64,
        embedding_std: Annotated[float, number(above=0, most=1000)] = 1.0,
        input_dropout: Dropout = 0.0,
        dropout: Dropout = 0.0,
        output_dropout: Dropout = 0.0,
        residual: bool = False,
        tied: bool = False,
        shared_embedding: bool = False,
        fused: bool = True,
        encoders: Mapping[str, Make] = MappingProxyType({}),
        head: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if attention is not None and source is None:
            raise ConfigurationError("attention reads a source, and this data has none: set attention=none")
        if input_feeding and attention is None:
            raise ConfigurationError(
                "model.input_feeding=true feeds what attention found to the next step: choose an attention, or set "
                "model.input_feeding=false"
            )
        self.inputs = make_encoder(inputs, embedding_size, embedding_std)
        self.encoder: Encoder | None = None
        if source is not None:
            self.encoder = source_encoder(
                source,
                wholes,
                encoders,
                cell,
                encoder,
                hidden_size,
                num_layers,
                bidirectional,
                embedding_size,
                embedding_std,
                input_dropout,
                dropout,
                residual,
                fused,
            )
        width: int = self.inputs.size  # type: ignore[assignment]
        features = width if tied else hidden_size
        self.fed = features if input_feeding else 0
        self.layers = stacked(
            decoder_cell or cell, width + self.fed, hidden_size, num_layers, False, dropout, residual, fused
        )
        self.attention = attention(self.layers.size, self.encoder.size) if attention and self.encoder else None
        found: int = self.attention.context_size if self.attention else 0  # type: ignore[assignment]
        same = self.attention is None and features == self.layers.size
        self.combine = None if same else Linear(self.layers.size + found, features)
        self.mixed = self.attention is not None and bool(getattr(self.attention, "mixes", False))
        if self.mixed and (input_feeding or head is not None):
            what = "model.input_feeding=true" if input_feeding else "an objective with an output layer of its own"
            raise ConfigurationError(f"attention.estimator=exact mixes answers, not contexts, which {what} needs")
        plain = MixtureLayer if self.mixed else Linear
        self.head = plain(features, out_features) if head is None else head(features)
        self.bridge: Bridge | None = None
        if self.encoder is not None:
            self.bridge = Bridge(bridge, self.encoder.initial_state(1), self.layers.initial_state(1))
        self.writes_tokens = isinstance(inputs, Tokens)
        self.input_feeding = input_feeding
        self.coverage: bool = self.attention is not None and bool(self.attention.coverage)
        self.input_dropout = Drop(input_dropout)
        self.output_dropout = Drop(output_dropout)
        reads = None if self.encoder is None else self.encoder.inputs
        if shared_embedding:
            share(reads, self.inputs, source == inputs)
        if tied:
            tie_output(reads, self.inputs, self.head, embedding_std)

    def encoders(self) -> dict[str, nn.Module]:
        """What reads each input, by the input's name; the source's is empty."""
        return {} if self.encoder is None else encoders_of(self.encoder)

    # ----------------------------------------------------------------- beginning

    def begin(self, batch: Batch) -> tuple[Memory | None, DecoderState]:
        """Read a batch's source: what attention looks at, and the state that the decoder begins in."""
        memory, states, positions = self._encode(batch)
        return memory, self._begin(batch, states, positions)

    def _encode(self, batch: Batch) -> tuple[Memory | None, tuple[State, ...] | None, int]:
        """The memory, the encoder's final states, and how many positions there are."""
        if self.encoder is None:
            return None, None, 0
        if batch.source is None:
            raise ConfigurationError("this model reads a source, and the data has none")
        source, lengths = at_least_one(batch.source, None if batch.source_full else batch.source_lengths)
        encoded, states = self.encoder(source, lengths, batch.wholes)
        lengths = self.encoder.positions(lengths)
        if self.attention is None:
            return None, states, encoded.shape[1]
        memory: Memory = self.attention.prepare(encoded, lengths)  # type: ignore[operator]
        if self.mixed:  # W [context; output] is a sum, of which one half is made once a position
            memory = memory._replace(values=linear(memory.values, self._half(of_output=False)))
        return memory, states, encoded.shape[1]

    def _half(self, of_output: bool) -> Tensor:
        """What the attentional vector's weight makes of an output, or of a context."""
        assert self.combine is not None
        sizes = [self.combine.in_features - self.layers.size, self.layers.size]
        half: Tensor = self.combine.weight.split(sizes, dim=1)[of_output]
        return half.contiguous()  # rows with gaps take oneDNN many times as long

    def _begin(self, batch: Batch, states: tuple[State, ...] | None, positions: int) -> DecoderState:
        first = self.initial_state(batch.size)
        if self.bridge is not None and states is not None:
            first = first._replace(layers=self.bridge(states, first.layers))
        if self.coverage:
            first = first._replace(coverage=next(self.parameters()).new_zeros(batch.size, positions))
        return first

    def initial_state(self, batch_size: int) -> DecoderState:
        """The state of a decoder that was told nothing of a source."""
        weight = next(self.parameters())
        return DecoderState(
            self.layers.initial_state(batch_size),
            weight.new_zeros(batch_size, dtype=torch.int64),
            weight.new_zeros(batch_size, self.fed) if self.input_feeding else None,
            weight.new_zeros(batch_size, 1) if self.coverage else None,
        )

    def reset(self, state: DecoderState | None, starts: Tensor) -> DecoderState | None:
        """`state`, with the rows that begin a new sequence told nothing of a source. starts: [batch] bool."""
        if state is None:
            return None
        first = self.initial_state(len(starts))
        if first.coverage is not None and state.coverage is not None:
            first = first._replace(coverage=torch.zeros_like(state.coverage))
        fresh: DecoderState = where(starts, first, state)
        return fresh

    # ------------------------------------------------------------------ decoding

    def forward(self, window: Batch, state: DecoderState | None = None, own_share: float = 0.0) -> Output:
        """Features [batch time feature] under teacher forcing; the state is the one after `window.advance` steps.

        The source is read again in every window, so each has its exact gradient; the bridge is crossed in the first.
        own_share: how likely an input, other than a window's first, is what the model itself just wrote
        (scheduled sampling, Bengio et al. 2015).
        """
        if state is None:
            memory, state = self.begin(window)
        else:
            memory = self._encode(window)[0] if self.attention is not None else None
        lengths = None if window.full else window.lengths
        x = self._read(window.inputs, lengths)
        if self.input_feeding or self.coverage or own_share:
            return self._write_by_steps(x, state, memory, lengths, window.advance, own_share)
        time, advance = window.time, window.advance
        features, attended, carried = self._write(x[:, :advance], state, memory, within(lengths, 0, advance))
        if advance == time:
            return self._output([features], [attended], carried)
        rest, more, _ = self._write(x[:, advance:], carried, memory, within(lengths, advance, time))
        return self._output([features, rest], [attended, more], carried)

    def step(
        self, inputs: Tensor, state: DecoderState, memory: Memory | None = None, head: nn.Module | None = None
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """One step: logits [rows out], the new state, and the attention [rows heads source_time].

        inputs: [rows] or [rows feature]; a memory of fewer rows is asked by as many in a row for each of its own
        (the hypotheses of a beam). head: the output layer, None = the model's own.
        """
        features, attended, state = self._write(self._read(inputs.unsqueeze(1), None), state, memory, None, True)
        weights = None if attended is None or attended.weights is None else attended.weights.select(2, 0)
        return (head or self.head)(_of_all_positions(features, attended).select(1, 0)), state, weights

    def _read(self, inputs: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is not None:
            inputs = blank(inputs, padding(lengths, inputs.shape[1]))
        x = self.inputs(inputs)
        dropped: Tensor = self.input_dropout(x)
        return dropped

    def _write_by_steps(
        self,
        x: Tensor,
        state: DecoderState,
        memory: Memory | None,
        lengths: Tensor | None,
        advance: int,
        own_share: float,
    ) -> Output:
        """One step after another: the next one reads what this one found or wrote."""
        ended = None if lengths is None else padding(lengths, x.shape[1])
        features: list[Tensor] = []
        found: list[Attended | None] = []
        carried = state
        own = uniform(*x.shape[:2], device=x.device) < own_share if own_share else None
        for step in range(x.shape[1]):
            read = x[:, step : step + 1]
            if own is not None and features:
                read = torch.where(own[:, step, None, None], self._own(features[-1], found[-1]), read)
            feature, attended, new = self._write(read, state, memory, None)
            state = new if ended is None else where(ended[:, step], state, new)
            features.append(feature)
            found.append(attended)
            if step == advance - 1:
                carried = state
        made = self._output(features, found, carried)
        made.reaches = True
        return made

    def _own(self, features: Tensor, found: Attended | None) -> Tensor:
        """What the model reads after writing features [batch 1 feature]: its likeliest token, or its numbers."""
        logits = self.head(_of_all_positions(features, found)).detach()
        inputs = logits.argmax(dim=-1) if self.writes_tokens else logits
        return self._read(inputs, None)

    def _write(
        self, x: Tensor, state: DecoderState, memory: Memory | None, lengths: Tensor | None, weights: bool = False
    ) -> tuple[Tensor, Attended | None, DecoderState]:
        """Steps of which none reads what another found: features [batch time feature], attention, the state after."""
        if state.context is not None:
            x = torch.cat([x, state.context.unsqueeze(1).to(x.dtype)], dim=-1)
        y, layers = self.layers(x, state.layers, lengths)
        attended = None
        if memory is not None:
            weights = weights or self.coverage or not self.training
            attended = attend(self.attention, y, memory, state, weights)  # type: ignore[arg-type]
        features = y
        if self.mixed and attended is not None:
            own = linear(y, self._half(of_output=True), self.combine.bias)  # type: ignore[union-attr]
            features = torch.tanh(attended.context + (own if attended.logs is None else own.unsqueeze(2)))
        elif self.combine is not None:
            found = y if attended is None else torch.cat([attended.context, y], dim=-1)
            features = torch.tanh(self.combine(found))
        context, coverage = state.context, state.coverage
        if context is not None:
            context = features[:, -1].to(context.dtype)
        if coverage is not None and attended is not None and attended.weights is not None:
            coverage = coverage + attended.weights.mean(1)[:, -1]
        position = state.position + (y.shape[1] if lengths is None else lengths)
        return features, attended, DecoderState(layers, position, context, coverage)

    def _output(self, features: list[Tensor], found: list[Attended | None], state: DecoderState) -> Output:
        written = features[0] if len(features) == 1 else torch.cat(features, dim=1)
        if written.dim() == 3:
            dropped = self.output_dropout(written)
        elif self.training and self.output_dropout.p:  # of a step the same at all positions
            dropped = written * self.output_dropout(torch.ones_like(written[:, :, 0])).unsqueeze(2)
        else:
            dropped = written
        made = output(dropped, self.head, state, found)
        if not self.mixed:
            made.undropped = written
        return made


def _of_all_positions(features: Tensor, attended: Attended | None) -> Tensor:
    """Features as the head takes them: of a mixture with the log-probability of each position."""
    return features if attended is None or attended.logs is None else packed(features, attended.logs)
