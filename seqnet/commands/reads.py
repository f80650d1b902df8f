"""What a run reads and asks for, in words: each input with what it is and what encodes it, and the target."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from seqnet.build import Assembly


def reads(assembly: Assembly) -> Iterator[str]:
    """A line an input: `review (text) by TokenEmbedding, 64 wide`."""
    model: Any = assembly.model
    encoders: dict[str, nn.Module] = model.encoders() if hasattr(model, "encoders") else {}
    for name in assembly.source.input_kinds:
        encoder: Any = encoders.get(name, encoders.get(""))
        by = "" if encoder is None else f" by {type(encoder).__name__}, {encoder.size} wide"
        yield f"{name} ({_what(assembly.source, name)}){by}"


def asks(source: Any) -> str:
    """The target: `stars (label)`."""
    name = getattr(source, "target", None)
    kind = source.target_kind
    return f"{name} ({_what(source, name)})" if name is not None else "" if kind is None else str(kind)


def _what(source: Any, name: str) -> str:
    """The field that makes a column, as its yaml is called, or else the kind of the input."""
    fields = getattr(source, "fields", {})
    return type(fields[name]).__module__.rpartition(".")[2] if name in fields else str(source.input_kinds[name])
