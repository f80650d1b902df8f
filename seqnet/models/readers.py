"""What turns a model's raw inputs into vectors, one a step.

A reader is a module with `size` and `forward(inputs, views) -> [batch time feature]`; `inputs` are [batch time]
tokens or [batch time feature] numbers, of a picture [batch height width]; `views` further tensors of the same steps.
The steps of a picture are its regions.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.errors import ConfigurationError
from seqnet.kinds import LETTERS, Axis, Item, Kind
from seqnet.linear import Linear
from seqnet.spaces import Image, Space, Tokens

CHARACTERS = "characters"
"""The view that holds each word's characters, [batch time characters], 0 after the word's last."""


TIED_STD = 0.1
NO_WIDTH = "model.embedding_size=null gives the convolutions that read a picture no width: set it to a number"
NOT_LINEAR = (
    "model.tied=true makes one weight of the token embedding and the output layer, and this objective's output layer "
    "has several: set model.tied=false"
)


def read(inputs: Mapping[str, Kind]) -> set[str]:
    """The names of the inputs that `make_reader` has a reader for: what stands at each step, and words' letters."""
    main = inputs.get("inputs")
    found = {"inputs"} if main is not None and main.axis is Axis.STEP else set()
    letters = inputs.get(CHARACTERS)
    if letters is not None and main is not None and main.item is Item.TOKEN and LETTERS in letters.traits:
        found.add(CHARACTERS)
    return found


class TokenEmbedding(nn.Module):
    """A learnt vector for each token, drawn from N(0, std^2)."""

    def __init__(self, space: Tokens, size: int, std: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(space.size, size)
        nn.init.normal_(self.embedding.weight, std=std)

    def forward(self, inputs: Tensor, views: Mapping[str, Tensor]) -> Tensor:
        """inputs: [batch time]."""
        vectors: Tensor = self.embedding(inputs)
        return vectors


class OneHot(nn.Module):
    """1 in the token's own place, 0 in all others."""

    like: Tensor

    def __init__(self, space: Tokens) -> None:
        super().__init__()
        self.size = space.size
        self.register_buffer("like", torch.empty(0), persistent=False)  # knows the model's device and type

    def forward(self, inputs: Tensor, views: Mapping[str, Tensor]) -> Tensor:
        """inputs: [batch time]."""
        return self.like.new_zeros(*inputs.shape, self.size).scatter_(-1, inputs[..., None], 1)


class Projection(nn.Module):
    """A learnt linear map of each step's numbers."""

    def __init__(self, space: Space, size: int) -> None:
        super().__init__()
        self.size = size
        self.linear = Linear(space.size, size)

    def forward(self, inputs: Tensor, views: Mapping[str, Tensor]) -> Tensor:
        """inputs: [batch time feature]."""
        projected: Tensor = self.linear(inputs)
        return projected


class Features(nn.Module):
    """Each step's numbers as they are."""

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.size = space.size

    def forward(self, inputs: Tensor, views: Mapping[str, Tensor]) -> Tensor:
        """inputs: [batch time feature]."""
        return inputs


class WordsWithCharacters(nn.Module):
    """A word's vector beside what a convolution finds in its spelling, the maximum over its characters.

    Sizes are those of Ma and Hovy (2016): characters of 30 numbers, 30 filters of width 3.
    """

    def __init__(self, words: TokenEmbedding | OneHot, characters: Space, size: int = 30, filters: int = 30) -> None:
        super().__init__()
        self.size = words.size + filters
        self.words = words
        self.embedding = nn.Embedding(characters.size, size, padding_idx=0)
        self.convolution = nn.Conv1d(size, filters, kernel_size=3, padding=1)

    def forward(self, inputs: Tensor, views: Mapping[str, Tensor]) -> Tensor:
        """inputs: [batch time]; views["characters"]: [batch time characters]."""
        return torch.cat([self.words(inputs, views), self.spelling(views[CHARACTERS])], dim=-1)

    def spelling(self, characters: Tensor) -> Tensor:
        """[batch time characters] to [batch time filters]; 0 where a step has no characters."""
        words = characters.flatten(0, 1)
        outside = (words == 0)[:, None]
        found = self.convolution(self.embedding(words).transpose(1, 2)).masked_fill(outside, -torch.inf).amax(-1)
        filled: Tensor = found.masked_fill(outside.all(-1), 0)
        return filled.view(*characters.shape[:2], -1)


class Regions(nn.Module):
    """What two convolutions see in each region of a picture, [batch regions feature], row by row.

    Convolutions of 3 x 3, each followed by a ReLU, then the mean of each region's 2 x 2 values. What the first
    sees is added to a vector learnt for each value's place, so that the second, and attention, know where it is.
    """

    def __init__(self, space: Image, size: int) -> None:
        super().__init__()
        self.size = size
        self.first = nn.Conv2d(1, size, kernel_size=3, padding=1)
        self.second = nn.Conv2d(size, size, kernel_size=3, padding=1)
        self.place = nn.Parameter(torch.empty(size, space.height, space.width))
        nn.init.normal_(self.place, std=0.1)
        self.pool = nn.AvgPool2d(2, ceil_mode=True)

    def forward(self, inputs: Tensor, views: Mapping[str, Tensor]) -> Tensor:
        """inputs: [batch height width]."""
        seen = torch.relu(self.first(inputs.unsqueeze(1))) + self.place
        found: Tensor = self.pool(torch.relu(self.second(seen)))
        return found.flatten(2).transpose(1, 2)


def make_reader(
    inputs: Space, views: Mapping[str, Space], embedding_size: int | None, embedding_std: float = 1.0
) -> nn.Module:
    """The reader that suits a space: tokens are embedded, numbers projected; one-hot, or raw, without a size.

    Tokens with a view of their characters are read both ways. A picture is read by convolutions. Raises
    ConfigurationError for a picture without a size.
    """
    if isinstance(inputs, Image):
        if embedding_size is None:
            raise ConfigurationError(NO_WIDTH)
        return Regions(inputs, embedding_size)
    if not isinstance(inputs, Tokens):
        return Features(inputs) if embedding_size is None else Projection(inputs, embedding_size)
    words = OneHot(inputs) if embedding_size is None else TokenEmbedding(inputs, embedding_size, embedding_std)
    return WordsWithCharacters(words, views[CHARACTERS]) if CHARACTERS in views else words


def idle_embedding(options: Mapping[str, Any], embedded: Iterable[Kind]) -> dict[str, str]:
    """embedding_std, where none of those kinds is a token that is embedded."""
    if options["embedding_size"] is None:
        return {"embedding_std": "it is of an embedding, and model.embedding_size=null makes none"}
    if all(kind.item is not Item.TOKEN for kind in embedded):
        return {"embedding_std": "it is of an embedding of tokens, and this data has none"}
    return {}


def tie(embedding: nn.Embedding, head: nn.Linear, std: float) -> None:
    """Give an embedding and an output layer one weight, drawn from N(0, min(std, 0.1)^2).

    Logits are made of it: from vectors as long as an embedding's own may be, the first losses would be huge.
    """
    nn.init.normal_(head.weight, std=min(std, TIED_STD))
    embedding.weight = head.weight


def blank(tensor: Tensor, ended: Tensor) -> Tensor:
    """tensor [batch time ...] with 0 where ended [batch time]: what stands in padding must reach no weight."""
    return tensor.masked_fill(ended.view(*ended.shape, *[1] * (tensor.dim() - 2)), 0)
