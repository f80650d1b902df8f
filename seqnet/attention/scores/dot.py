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
    reach: and that of so many positions to each side, each with a w of its own (see `seen`).
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
        self.seen = nn.Parameter(torch.zeros(*heads, 1, 2 * reach + 1)) if coverage else None

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        scores = (query * self.scale if self.scale != 1 else query) @ keys.transpose(-1, -2)
        if self.seen is None or coverage is None:
            return scores
        return scores + (around(coverage, self.reach) * self.seen.unsqueeze(-2)).sum(dim=-1)
