"""A score with what it needs before: keys projected once a source, queries at each step."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from seqnet.linear import Linear

MakeScore = Callable[..., Any]
"""Makes a score (see `scores`) of a width, of coverage and of heads, each by name."""


class Scoring(nn.Module):
    """A projection of keys, run once a source, one of queries, and the score that compares the two.

    Keys of another width than the query's are projected to it for every score. coverage: scores know what each
    position was paid before.
    """

    def __init__(self, score: MakeScore, query_size: int, key_size: int, coverage: bool) -> None:
        super().__init__()
        compare = score(width=query_size, coverage=coverage)
        projected = compare.projects_keys or key_size != query_size
        self.query = Linear(query_size, query_size, bias=False) if compare.projects_query else None
        self.key = Linear(key_size, query_size, bias=compare.key_bias) if projected else None
        self.compare = compare

    def keys(self, encoded: Tensor) -> Tensor:
        """[... source_time key_size] to [... source_time query_size]."""
        return encoded if self.key is None else self.key(encoded)

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        found: Tensor = self.compare(query if self.query is None else self.query(query), keys, coverage)
        return found
