"""What a score knows of the attention that was paid before, round the position that it scores.

A filter over what all positions were paid so far tells where attention stands and where it comes next, however long
the source is: location-sensitive attention (Chorowski et al. 2015, equation 8, of the last step; Shen et al. 2018,
section 2.2, of the sum over steps, as here).
"""

import torch.nn.functional as F
from torch import Tensor

from seqnet.errors import ConfigurationError


def checked_reach(reach: int, coverage: bool) -> int:
    """The value itself. Raises ConfigurationError where it is below 0, or nothing is known of what was paid."""
    if reach < 0 or (reach and not coverage):
        raise ConfigurationError(
            f"attention.score.reach={reach} is how far to each side a score knows what positions were paid: set "
            "attention.coverage=true, or attention.score.reach=0"
        )
    return reach


def around(coverage: Tensor, reach: int) -> Tensor:
    """[... source_time] to [... source_time 2*reach+1]: of each position and those to each side.

    What lies beside the source counts as paid, so that its ends are known as where to begin.
    """
    return F.pad(coverage, (reach, reach), value=1.0).unfold(-1, 2 * reach + 1, 1)
