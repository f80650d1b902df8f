"""What turns a model's raw inputs into vectors, one a step.

A reader is a module with `size` and `forward(inputs, views) -> [batch time feature]`; `inputs` are [batch time]
tokens or [batch time feature] numbers, `views` further tensors of the same steps.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqnet.spaces import Space, Tokens

CHARACTERS = "characters"
"""The view that holds each word's characters, [batch time characters], 0 after the word's last."""


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
        self.linear = nn.Linear(space.size, size)

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


def make_reader(
    inputs: Space, views: Mapping[str, Space], embedding_size: int | None, embedding_std: float = 1.0
) -> nn.Module:
    """The reader that suits a space: tokens are embedded, numbers projected; one-hot, or raw, without a size.

    Tokens with a view of their characters are read both ways.
    """
    if not isinstance(inputs, Tokens):
        return Features(inputs) if embedding_size is None else Projection(inputs, embedding_size)
    words = OneHot(inputs) if embedding_size is None else TokenEmbedding(inputs, embedding_size, embedding_std)
    return WordsWithCharacters(words, views[CHARACTERS]) if CHARACTERS in views else words


def blank(tensor: Tensor, ended: Tensor) -> Tensor:
    """tensor [batch time ...] with 0 where ended [batch time]: what stands in padding must reach no weight."""
    return tensor.masked_fill(ended.view(*ended.shape, *[1] * (tensor.dim() - 2)), 0)
