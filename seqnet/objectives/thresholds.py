"""From which probability on a label is said to be there: chosen by what is right on a split."""

import math

GRID = [step / 100 for step in range(1, 100)]


def logit(threshold: float) -> float:
    """What a logit must be above for its probability to be above a threshold."""
    return math.log(threshold / (1 - threshold))
