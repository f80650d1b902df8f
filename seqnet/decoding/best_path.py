"""The likeliest class of every frame, read off."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch

from seqnet.decoding.heard import allowed
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.kinds import Axis
from seqnet.specs import Writing
from seqnet.state import State


class BestPath:
    """The answer of the likeliest alignment (Graves et al. 2006, section 3.2), which need not be the likeliest answer.

    Its score is the log-probability of this one alignment.
    """

    features = Axis.FRAME
    greedy = "seqnet.decoding.best_path.BestPath"  # it is its own

    @torch.no_grad()
    def decode(
        self,
        model: Any,
        memory: Any,
        state: State,
        writing: Writing,
        prefix: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> list[list[Hypothesis]]:
        """One hypothesis a row. memory: a `Heard`. Raises ConfigurationError for a prefix."""
        logs, lengths = allowed(memory, writing, prefix)
        best, classes = logs.max(dim=-1)
        blank, found = logs.shape[-1] - 1, []
        for scores, path, length in zip(best.cpu(), classes.tolist(), lengths.tolist(), strict=True):
            ids = [token for token, _ in groupby(path[:length]) if token != blank]
            score = scores[:length].double().sum().item()
            found.append([Hypothesis(ids, score, score, True)])
        return found
