"""How well a key answers a query: the score functions of attention.

A score is a module with `keys(encoded)`, run once a source, and `forward(query, keys, coverage)`:
[... queries query], [... keys width], [... queries keys] or None -> [... queries keys].
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.linear import Linear

SCORES = ("dot", "scaled_dot", "general", "additive")
Name = Literal["dot", "scaled_dot", "general", "additive"]


class Product(nn.Module):
    """q^T k times `scale`, of every query with every key.

    coverage: adds w times the attention that a position was paid before, w learnt (one for each of the `heads`).
    """

    def __init__(self, scale: float = 1.0, coverage: bool = False, heads: Sequence[int] = ()) -> None:
        super().__init__()
        self.scale = scale
        self.seen = nn.Parameter(torch.zeros(*heads, 1, 1)) if coverage else None

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        scores = (query * self.scale if self.scale != 1 else query) @ keys.transpose(-1, -2)
        return scores if self.seen is None or coverage is None else scores + self.seen * coverage


class Tanh(nn.Module):
    """v^T tanh(q + k), of every query with every key, both `width` wide.

    coverage: w c inside the tanh, c what a position was paid before, w learnt (See et al. 2017, equation 11).
    """

    def __init__(self, width: int, coverage: bool = False, heads: Sequence[int] = ()) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.empty(*heads, 1, width, 1).uniform_(-(width**-0.5), width**-0.5))
        self.seen = nn.Parameter(torch.zeros(*heads, 1, 1, width)) if coverage else None

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        hidden = query.unsqueeze(-2) + keys.unsqueeze(-3)
        if self.seen is not None and coverage is not None:
            hidden = hidden + coverage.unsqueeze(-1) * self.seen
        return (torch.tanh(hidden) @ self.v).squeeze(-1)


def comparison(name: str, width: int, coverage: bool, heads: Sequence[int] = ()) -> Product | Tanh:
    """What the score called `name` does with queries and keys that are projected to one width."""
    if name == "additive":
        return Tanh(width, coverage, heads)
    return Product(width**-0.5 if name == "scaled_dot" else 1.0, coverage, heads)


class Score(nn.Module):
    """A projection of keys, run once a source, one of queries, and what compares the two.

    dot: q^T k (Luong et al. 2015). scaled_dot: q^T k / sqrt(d) (Vaswani et al. 2017, equation 1). Of both, keys of
    another width than the query's are first projected to it. general: q^T W k, bilinear (Luong et al. 2015, equation
    8). additive: v^T tanh(W_q q + W_k k + b) (Bahdanau et al. 2015, appendix A.1.2), as wide as the query.
    coverage: see Product and Tanh. Raises ConfigurationError for an unknown name.
    """

    def __init__(self, name: str, query_size: int, key_size: int, coverage: bool) -> None:
        super().__init__()
        known(name)
        additive = name == "additive"
        projected = additive or name == "general" or key_size != query_size
        self.query = Linear(query_size, query_size, bias=False) if additive else None
        self.key = Linear(key_size, query_size, bias=additive) if projected else None
        self.compare = comparison(name, query_size, coverage)

    def keys(self, encoded: Tensor) -> Tensor:
        """[... source_time key_size] to [... source_time query_size]."""
        return encoded if self.key is None else self.key(encoded)

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        found: Tensor = self.compare(query if self.query is None else self.query(query), keys, coverage)
        return found


def known(name: str, names: Sequence[str] = SCORES) -> None:
    """Raises ConfigurationError for a score that there is not."""
    if name not in names:
        raise ConfigurationError(f"attention.score={name} is not one of {', '.join(names)}{did_you_mean(name, names)}")
