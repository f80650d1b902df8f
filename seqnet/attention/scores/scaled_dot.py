"""The dot product of query and key over the root of their width."""

from collections.abc import Sequence
from typing import Annotated

from seqnet.attention.scores.dot import Dot
from seqnet.options import whole


class ScaledDot(Dot):
    """q^T k / sqrt(d), d the width (Vaswani et al. 2017, equation 1). coverage, reach: as the dot product's."""

    def __init__(
        self, width: int, coverage: bool, heads: Sequence[int] = (), reach: Annotated[int, whole(0, 100)] = 0
    ) -> None:
        super().__init__(width, coverage, heads, reach)
        self.scale = width**-0.5
