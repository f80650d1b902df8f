"""The transcriber: a source is read whole, and answered at each of its positions, be they fewer than its steps."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from seqnet.batch import Batch, Output
from seqnet.decoding.heard import Heard
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis, Kind
from seqnet.layers.dropout import Drop, idle_locked
from seqnet.layers.stack import idle_between
from seqnet.linear import Linear
from seqnet.models.encoder import at_least_one
from seqnet.models.encoders.inputs import Make, idle_embedding
from seqnet.models.source import conflict as source_conflict
from seqnet.models.source import encoders_of, source_encoder
from seqnet.models.source import reads as source_reads
from seqnet.options import Dropout, Width, number, whole
from seqnet.specs import Spec


class Transcriber(nn.Module):
    """Any cell, any depth, one or two directions over a source; the head makes logits of every position.

    What is to be written is not read: it is heard in the source alone. encoder: `recurrent` layers over what the
    source's own encoder makes, or `none`. The other options are those of `EncoderDecoder`. Raises ConfigurationError
    for an unknown encoder.
    """

    @staticmethod
    def reads(inputs: Mapping[str, Kind]) -> set[str]:
        """The names of the inputs that it reads: a source, and others beside it, each whole."""
        return source_reads(inputs)

    @staticmethod
    def features(options: Mapping[str, Any]) -> Axis:
        """Where its features stand: at the positions of its source."""
        return Axis.FRAME

    @staticmethod
    def conflict(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> str | None:
        """What a source and its layers cannot be together."""
        if not inputs:
            return "model=transcriber hears its answer in a source, and this data has none"
        return source_conflict(options, inputs)

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Options that change nothing, and why."""
        found = idle_between(options) | idle_locked(options) | idle_embedding(options, inputs.values())
        if options["encoder"] == "none":
            found["weight_dropout"] = "it is of recurrent layers, and model.encoder=none has none"
        return found

    bidirectional = False  # as a decoder, which it has not

    def __init__(
        self,
        cell: Callable[[int, int], nn.Module],
        source: Spec,
        out_features: int,
        wholes: Mapping[str, Spec] = MappingProxyType({}),
        encoder: Literal["recurrent", "none"] = "recurrent",
        hidden_size: Width = 128,
        num_layers: Annotated[int, whole(1, 1000)] = 1,
        bidirectional: bool = False,
        embedding_size: Width | None = 64,
        embedding_std: Annotated[float, number(above=0, most=1000)] = 1.0,
        input_dropout: Dropout = 0.0,
        dropout: Dropout = 0.0,
        output_dropout: Dropout = 0.0,
        residual: bool = False,
        fused: bool = True,
        encoders: Mapping[str, Make] = MappingProxyType({}),
    ) -> None:
        super().__init__()
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
        self.head = Linear(self.encoder.size, out_features)
        self.output_dropout = Drop(output_dropout)

    def encoders(self) -> dict[str, nn.Module]:
        """What reads each input, by the input's name; the source's is empty."""
        return encoders_of(self.encoder)

    def positions(self, lengths: Tensor) -> Tensor:
        """At how many positions sources of so many steps are answered, [batch]."""
        found = self.encoder.positions(lengths)
        assert found is not None
        return found

    def forward(self, window: Batch, state: None = None) -> Output:
        """Features [batch position feature], and how many of each row's count. There is no state to go on from."""
        if window.source is None or window.source_lengths is None:
            raise ConfigurationError("this model reads a source, and the data has none")
        source, lengths = at_least_one(window.source, None if window.source_full else window.source_lengths)
        features: Tensor = self.encoder(source, lengths, window.wholes)[0]
        lengths = self.encoder.positions(lengths)
        features = self.output_dropout(features)
        whole = window.source_lengths.new_full((window.size,), features.shape[1])
        return Output(features, self.head, None, lengths=whole if lengths is None else lengths)

    def begin(self, batch: Batch) -> tuple[Heard, None]:
        """What is heard at each position, of which answers are read off."""
        output = self(batch)
        return Heard(torch.log_softmax(output.logits().float(), dim=-1), output.lengths), None
