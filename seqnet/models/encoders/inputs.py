"""The inputs of the same steps, each by its encoder, side by side."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.errors import ConfigurationError
from seqnet.kinds import Item, Kind
from seqnet.models.encoders.image import Regions
from seqnet.models.encoders.letters import Letters
from seqnet.models.encoders.numbers import Features, Projection
from seqnet.models.encoders.tokens import OneHot, TokenEmbedding
from seqnet.specs import Image, Spec, Spelling, Tokens

OURS = (TokenEmbedding, Letters, Projection, Regions)
NO_WIDTH = "model.embedding_size=null gives the convolutions that read a picture no width: set it to a number"

Make = Callable[[Spec, int | None, float], nn.Module]
"""Makes an encoder of what is known of the input, its width and the deviation of its weights at the beginning."""


def readable(inputs: Mapping[str, Kind]) -> set[str]:
    """The names of the inputs that `make_encoder` has an encoder for."""
    pairs = {pair for encoder in OURS for pair in encoder.reads}
    return {name for name, kind in inputs.items() if (kind.item, kind.axis) in pairs}


def idle_embedding(options: Mapping[str, Any], embedded: Iterable[Kind]) -> dict[str, str]:
    """What is of an embedding, where none of those kinds is a token that is embedded."""
    keys = ("embedding_std", "embedding_dropout", "word_dropout")
    if options["embedding_size"] is None:
        return dict.fromkeys(keys, "it is of an embedding, and model.embedding_size=null makes none")
    if all(kind.item not in (Item.TOKEN, Item.LABEL) for kind in embedded):
        return dict.fromkeys(keys, "it is of an embedding of tokens, and this data has none")
    return {}


def make_encoder(space: Spec, size: int | None, std: float = 1.0) -> nn.Module:
    """The encoder that suits an input: tokens are embedded, numbers projected; one-hot, or raw, without a size.

    A picture is read by convolutions, a word's letters by one. Raises ConfigurationError for a picture without a size.
    """
    if isinstance(space, Image):
        if size is None:
            raise ConfigurationError(NO_WIDTH)
        return Regions(space, size)
    if isinstance(space, Spelling):
        return Letters(space)
    if isinstance(space, Tokens):
        return OneHot(space) if size is None else TokenEmbedding(space, size, std)
    return Features(space) if size is None else Projection(space, size)


def width_beside(space: Spec, size: int | None) -> int | None:
    """The width of an input that stands beside a main one: of few names a narrow one, at most `size`."""
    return size if size is None or not isinstance(space, Tokens) else min(size, math.ceil(1.6 * space.size**0.56))


class Inputs(nn.Module):
    """The main input and those aligned with it, encoded each by itself and put side by side."""

    def __init__(
        self,
        space: Spec,
        views: Mapping[str, Spec],
        size: int | None,
        std: float = 1.0,
        encoders: Mapping[str, Make] | None = None,
        name: str = "inputs",
    ) -> None:
        """encoders: in place of `make_encoder`, by an input's name. name: of the main input."""
        super().__init__()
        chosen = encoders or {}
        self.main = chosen.get(name, make_encoder)(space, size, std)
        self.beside = nn.ModuleDict(
            {
                entry(key): chosen.get(key, make_encoder)(view, width_beside(view, size), std)
                for key, view in views.items()
            }
        )
        self.size: int = self.main.size + sum(encoder.size for encoder in self.beside.values())  # type: ignore[operator,misc]

    def by_name(self) -> dict[str, nn.Module]:
        """What reads the inputs beside the main one, by their names."""
        return {key.removeprefix(entry("")): encoder for key, encoder in self.beside.items()}

    def forward(self, values: Tensor, views: Mapping[str, Tensor]) -> Tensor:
        """values: [batch time ...]; views: each [batch time ...]; returns [batch time size]."""
        read: Tensor = self.main(values)
        if not self.beside:
            return read
        beside = (encoder(views[name]) for name, encoder in self.by_name().items())
        return torch.cat([read, *beside], dim=-1)


def entry(name: str) -> str:
    """The name of an input as a key of nn.ModuleDict, which has methods of its own, such as `values` and `type`."""
    return f"of_{name}"


def blank(tensor: Tensor, ended: Tensor) -> Tensor:
    """tensor [batch time ...] with 0 where ended [batch time]: what stands in padding must reach no weight."""
    return tensor.masked_fill(ended.view(*ended.shape, *[1] * (tensor.dim() - 2)), 0)
