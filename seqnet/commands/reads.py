"""What a run reads and asks for, in words: each input with what it is and what encodes it, and the target."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from seqnet.build import Assembly


def reads(assembly: Assembly, groups: Mapping[str, str]) -> Iterator[str]:
    """A line an input: `review (text) by TokenEmbedding, 64 wide`. groups: the choices of the configuration."""
    model: Any = assembly.model
    encoders: dict[str, nn.Module] = model.encoders() if hasattr(model, "encoders") else {}
    for name in assembly.source.input_kinds:
        encoder: Any = encoders.get(name, encoders.get(""))
        by = "" if encoder is None else f" by {type(encoder).__name__}, {encoder.size} wide"
        yield f"{name} ({_what(assembly.source.input_kinds[name], name, groups)}){by}"


def asks(source: Any, groups: Mapping[str, str]) -> str:
    """The target: `stars (label)`. groups: the choices of the configuration."""
    name = getattr(source, "target", None)
    kind = source.target_kind
    return f"{name} ({_what(kind, name, groups)})" if name is not None else "" if kind is None else str(kind)


def _what(kind: Any, name: str, groups: Mapping[str, str]) -> str:
    """The field that makes a column, as it is chosen, or else the kind of the input."""
    return groups.get(f"field@data.fields.{name}", str(kind))
