"""The dot product of query and key over the root of their width."""

from collections.abc import Sequence

from seqnet.attention.scores.dot import Dot


class ScaledDot(Dot):
    """q^T k / sqrt(d), d the width (Vaswani et al. 2017, equation 1). coverage: as the dot product's."""

    def __init__(self, width: int, coverage: bool, heads: Sequence[int] = ()) -> None:
        super().__init__(width, coverage, heads)
        self.scale = width**-0.5
