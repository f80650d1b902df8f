"""The dot product of query and key."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from seqnet.attention.scores.seen import around, checked_reach
from seqnet.options import whole


class Dot(nn.Module):
    """q^T k (Luong et al. 2015, equation 8).

    coverage: adds w times the attention that a position was paid before, w learnt (one for each of the `heads`).
    reach: q^T (k + U f), f what the position and so many to each side were paid (see `seen`), U learnt.
    """

    projects_query: ClassVar[bool] = False
    projects_keys: ClassVar[bool] = False
    key_bias: ClassVar[bool] = False
    is_product: ClassVar[bool] = True

    def __init__(
        self, width: int, coverage: bool, heads: Sequence[int] = (), reach: Annotated[int, whole(0, 100)] = 0
    ) -> None:
        super().__init__()
        self.scale = 1.0
        self.reach = checked_reach(reach, coverage)
        shape = (2 * reach + 1, width) if reach else (1, 1)
        self.seen = nn.Parameter(torch.zeros(*heads, *shape)) if coverage else None

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        query = query * self.scale if self.scale != 1 else query
        scores = query @ keys.transpose(-1, -2)
        if self.seen is None or coverage is None:
            return scores
        if not self.reach:
            return scores + self.seen * coverage
        weights = query @ self.seen.transpose(-1, -2)  # [... queries 2*reach+1]
        return scores + (around(coverage, self.reach) @ weights.unsqueeze(-1)).squeeze(-1)
