"""The score of one hidden layer over query and key."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from seqnet.attention.scores.seen import around, checked_reach
from seqnet.options import whole


class Additive(nn.Module):
    """v^T tanh(W_q q + W_k k + b), as wide as the query (Bahdanau et al. 2015, appendix A.1.2).

    Both are projected before. coverage: w c inside the tanh, c what a position was paid before, w learnt (See et al.
    2017, equation 11). reach: of so many positions to each side too, each with a w of its own (see `seen`).
    """

    projects_query: ClassVar[bool] = True
    projects_keys: ClassVar[bool] = True
    key_bias: ClassVar[bool] = True
    is_product: ClassVar[bool] = False

    def __init__(
        self, width: int, coverage: bool, heads: Sequence[int] = (), reach: Annotated[int, whole(0, 100)] = 0
    ) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.empty(*heads, 1, width, 1).uniform_(-(width**-0.5), width**-0.5))
        self.reach = checked_reach(reach, coverage)
        self.seen = nn.Parameter(torch.zeros(*heads, 1, 2 * reach + 1, width)) if coverage else None

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Scores [... queries keys]."""
        hidden = query.unsqueeze(-2) + keys.unsqueeze(-3)
        if self.seen is not None and coverage is not None:
            hidden = hidden + around(coverage, self.reach) @ self.seen
        return (torch.tanh(hidden) @ self.v).squeeze(-1)
