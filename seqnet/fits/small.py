"""Small parts of a configuration, made without memory, so that what they refuse is refused before data is read."""

from typing import Any

import torch

from seqnet import build
from seqnet.errors import ConfigurationError
from seqnet.fits.parts import Parts


def small_cells(parts: Parts) -> dict[str, Any]:
    """A cell of each side, as wide as it will be, so that what it refuses is refused now. Raises ConfigurationError."""
    width = parts.section("model").get("hidden_size") or 2
    return {
        name: _small(parts, name, input_size=1, hidden_size=width)
        for name in ("cell", "decoder_cell")
        if parts.config.get(name) is not None
    }


def check_attention(parts: Parts) -> None:
    """A small attention, so that what it refuses is refused now. Raises ConfigurationError."""
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
