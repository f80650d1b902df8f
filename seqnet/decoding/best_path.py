"""The likeliest class of every frame, read off."""

from itertools import groupby
from typing import Any

import torch

from seqnet.decoding.heard import allowed
from seqnet.decoding.hypothesis import Hypothesis, Start
from seqnet.kinds import Axis


class BestPath:
    """The answer of the likeliest alignment (Graves et al. 2006, section 3.2), which need not be the likeliest answer.

    Its score is the log-probability of this one alignment.
    """

    features = Axis.FRAME
    greedy = "seqnet.decoding.best_path.BestPath"  # it is its own

    @torch.no_grad()
    def decode(self, model: Any, start: Start) -> list[list[Hypothesis]]:
        """One hypothesis a row. The memory is a `Heard`. Raises ConfigurationError for a prefix."""
        logs, lengths = allowed(start)
        best, classes = logs.max(dim=-1)
        blank, found = logs.shape[-1] - 1, []
        for scores, path, length in zip(best.cpu(), classes.tolist(), lengths.tolist(), strict=True):
            ids = [token for token, _ in groupby(path[:length]) if token != blank]
            score = scores[:length].double().sum().item()
            found.append([Hypothesis(ids, score, score, True)])
        return found
