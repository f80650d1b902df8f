"""What models that read a source whole have in common."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from seqnet.cells.initialisation import one_of
from seqnet.kinds import Axis, Kind
from seqnet.layers.stack import stacked
from seqnet.models.encoder import Encoder, whole_encoders
from seqnet.models.encoders.inputs import NO_WIDTH, Make, make_encoder, readable
from seqnet.models.joins.concat import Concat
from seqnet.specs import Spec

ENCODERS = ("recurrent", "none")


def reads(inputs: Mapping[str, Kind]) -> set[str]:
    """The names of the inputs that are read: a source, and others beside it, each whole."""
    return readable({name: kind for name, kind in inputs.items() if kind.axis is not Axis.STEP})


def conflict(options: Mapping[str, Any], inputs: Mapping[str, Kind]) -> str | None:
    """What a source and its layers cannot be together."""
    if options["encoder"] == "none" and options["bidirectional"]:
        return (
            "model.bidirectional=true reads a source from both its ends, and model.encoder=none reads no steps: "
            "set model.bidirectional=false or task.encoder=recurrent"
        )
    if options["embedding_size"] is None and any(kind.axis is Axis.GRID for kind in inputs.values()):
        return NO_WIDTH
    return None


def source_encoder(
    source: Spec,
    wholes: Mapping[str, Spec],
    encoders: Mapping[str, Make],
    cell: Callable[[int, int], nn.Module],
    encoder: str,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool,
    embedding_size: int | None,
    embedding_std: float,
    input_dropout: float,
    dropout: float,
    residual: bool,
    fused: bool,
) -> Encoder:
    """The source's own encoder, beside each of its vectors what further inputs say, and layers over them, if any.

    The arguments are those of `EncoderDecoder`. Raises ConfigurationError for an unknown encoder.
    """
    one_of("model.encoder", encoder, ENCODERS)
    read = encoders.get("source", make_encoder)(source, embedding_size, embedding_std)
    concat = None
    if wholes:
        concat = Concat(whole_encoders(wholes, encoders, cell, hidden_size, embedding_size, embedding_std, fused))
    layers = None
    if encoder == "recurrent":
        seen: int = read.size + (0 if concat is None else concat.size)  # type: ignore[assignment,operator]
        layers = stacked(cell, seen, hidden_size, num_layers, bidirectional, dropout, residual, fused)
    return Encoder(read, layers, input_dropout, concat)


def encoders_of(encoder: Encoder) -> dict[str, nn.Module]:
    """What reads each input, by the input's name; the source's is empty."""
    found: dict[str, nn.Module] = {"": encoder.inputs}
    if encoder.concat is not None:
        found |= encoder.concat.by_name()  # type: ignore[operator]
    return found
