"""The likeliest answers, each the sum of the alignments that were followed."""

import math
from collections import defaultdict
from typing import Annotated, Any

import torch
from torch import Tensor

from seqnet.decoding.heard import allowed
from seqnet.decoding.hypothesis import Hypothesis, Start
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis
from seqnet.options import Count, NotNegative, whole

NEVER = -math.inf

Prefix = tuple[int, ...]


class PrefixBeam:
    """The `beam_size` likeliest beginnings are kept at every frame (Hannun et al. 2014, algorithm 1, without words).

    A beginning is followed in all alignments that ended in a blank, and in all that ended in its last token, apart.
    n_best: how many answers are told. negligible: a class below this log-probability, in nats, less than a frame's
    likeliest is passed over there; 0: none is. Of equals the one that began first goes first. Raises
    ConfigurationError.
    """

    features = Axis.FRAME
    greedy = "seqnet.decoding.best_path.BestPath"

    def __init__(
        self,
        beam_size: Annotated[int, whole(1, 10_000)] = 20,
        n_best: Count = 1,
        negligible: NotNegative = 10.0,
    ) -> None:
        if not 1 <= n_best <= beam_size:
            raise ConfigurationError(
                f"decoding.n_best={n_best} must be at least 1 and at most decoding.beam_size={beam_size}"
            )
        self.beam_size, self.n_best, self.negligible = beam_size, n_best, negligible

    @torch.no_grad()
    def decode(self, model: Any, start: Start) -> list[list[Hypothesis]]:
        """Up to n_best hypotheses a row, best first. memory: a `Heard`. Raises ConfigurationError for a prefix."""
        logs, lengths = allowed(start)
        rows = logs.double().cpu()
        return [self._row(frames[:length]) for frames, length in zip(rows, lengths.tolist(), strict=True)]

    def _row(self, frames: Tensor) -> list[Hypothesis]:
        """frames: [frame classes]."""
        beam: dict[Prefix, tuple[float, float]] = {(): (0.0, NEVER)}  # log-probabilities: ended in a blank, in its last
        least = frames.amax(dim=-1, keepdim=True) - (self.negligible or math.inf)
        blank = frames.shape[1] - 1
        for frame, heard in zip(frames.tolist(), (frames >= least).tolist(), strict=True):
            tokens = [token for token in range(blank) if heard[token] and frame[token] > NEVER]
            found: dict[Prefix, list[float]] = defaultdict(lambda: [NEVER, NEVER])
            for begun, (by_blank, by_last) in beam.items():
                every, last = _sum(by_blank, by_last), begun[-1] if begun else None
                same = found[begun]
                same[0] = _sum(same[0], every + frame[blank])
                if last is not None:
                    same[1] = _sum(same[1], by_last + frame[last])
                for token in tokens:
                    longer = found[(*begun, token)]
                    longer[1] = _sum(longer[1], (by_blank if token == last else every) + frame[token])
            best = sorted(found.items(), key=lambda one: -_sum(*one[1]))[: self.beam_size]
            beam = {begun: (by_blank, by_last) for begun, (by_blank, by_last) in best}
        told = sorted(((_sum(*scores), ids) for ids, scores in beam.items()), key=lambda one: -one[0])
        return [Hypothesis(list(ids), score, score, True) for score, ids in told[: self.n_best]]


def _sum(one: float, other: float) -> float:
    """log(e^one + e^other)."""
    high, low = (one, other) if one >= other else (other, one)
    return high if low == NEVER else high + math.log1p(math.exp(low - high))
