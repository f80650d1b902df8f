"""The bilinear score of query and key."""

from typing import ClassVar

from seqnet.attention.scores.dot import Dot


class General(Dot):
    """q^T W k, bilinear: the dot product with projected keys (Luong et al. 2015, equation 8).

    coverage, reach: as there.
    """

    projects_keys: ClassVar[bool] = True
