"""How well a key answers a query: the score functions of attention.

A score is a module with `keys(encoded)`, run once a source, and `forward(query, keys, coverage)`:
[... queries d], [... keys d], [... queries keys] or None -> [... queries keys].
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.errors import ConfigurationError, did_you_mean


def dot(query: Tensor, keys: Tensor) -> Tensor:
    """q^T k of every query with every key (Luong et al. 2015)."""
    return query @ keys.transpose(-1, -2)


class Dot(nn.Module):
    """q^T k; keys of another width than the query's are first projected to it.

    coverage: adds w times the attention that a position was paid before, w learnt.
    """

    scale = 1.0

    def __init__(self, query_size: int, key_size: int, coverage: bool = False) -> None:
        super().__init__()
        self.key = nn.Linear(key_size, query_size, bias=False) if key_size != query_size else None
        self.seen = nn.Parameter(torch.zeros(())) if coverage else None

    def keys(self, encoded: Tensor) -> Tensor:
        """[batch source_time key_size] to [batch source_time query_size]."""
        return encoded if self.key is None else self.key(encoded)

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        scores = dot(query * self.scale, keys)
        return scores if self.seen is None or coverage is None else scores + self.seen * coverage


class ScaledDot(Dot):
    """q^T k / sqrt(d) (Vaswani et al. 2017, equation 1)."""

    def __init__(self, query_size: int, key_size: int, coverage: bool = False) -> None:
        super().__init__(query_size, key_size, coverage)
        self.scale = query_size**-0.5


class General(Dot):
    """q^T W k, bilinear (Luong et al. 2015, equation 8)."""

    def __init__(self, query_size: int, key_size: int, coverage: bool = False) -> None:
        super().__init__(query_size, key_size, coverage)
        self.key = nn.Linear(key_size, query_size, bias=False)


class Additive(nn.Module):
    """v^T tanh(W_q q + W_k k + b) (Bahdanau et al. 2015, appendix A.1.2), as wide as the query.

    coverage: w c inside the tanh, c what a position was paid before, w learnt (See et al. 2017, equation 11).
    """

    def __init__(self, query_size: int, key_size: int, coverage: bool = False) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, query_size, bias=False)
        self.key = nn.Linear(key_size, query_size)
        self.v = nn.Parameter(torch.empty(query_size).uniform_(-(query_size**-0.5), query_size**-0.5))
        self.seen = nn.Parameter(torch.zeros(query_size)) if coverage else None

    def keys(self, encoded: Tensor) -> Tensor:
        """[batch source_time key_size] to [batch source_time query_size]."""
        projected: Tensor = self.key(encoded)
        return projected

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        hidden = self.query(query).unsqueeze(-2) + keys.unsqueeze(-3)
        if self.seen is not None and coverage is not None:
            hidden = hidden + coverage.unsqueeze(-1) * self.seen
        return F.linear(torch.tanh(hidden), self.v[None]).squeeze(-1)


SCORES: dict[str, type[Dot] | type[Additive]] = {
    "dot": Dot,
    "scaled_dot": ScaledDot,
    "general": General,
    "additive": Additive,
}


def make_score(name: str, query_size: int, key_size: int, coverage: bool) -> Dot | Additive:
    """The score called `name`. Raises ConfigurationError for an unknown one."""
    if name not in SCORES:
        raise ConfigurationError(
            f"attention.score={name} is not one of {', '.join(SCORES)}{did_you_mean(name, SCORES)}"
        )
    return SCORES[name](query_size, key_size, coverage)
