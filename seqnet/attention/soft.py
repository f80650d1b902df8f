"""Soft attention: a weighted sum over all encoder states."""

from torch import Tensor, nn

from seqnet.attention.memory import Attended, Memory, masked, memory, paid
from seqnet.attention.scores.scaled_dot import ScaledDot
from seqnet.attention.scoring import MakeScore, Scoring


class Soft(nn.Module):
    """The context is the mean of all valid encoder states, weighted by the softmax of their scores.

    score: makes how well a state answers the query (see `scores`). coverage: scores know what each position was paid
    before.
    """

    def __init__(self, query_size: int, memory_size: int, score: MakeScore = ScaledDot, coverage: bool = False) -> None:
        super().__init__()
        self.score = Scoring(score, query_size, memory_size, coverage)
        self.coverage = coverage
        self.context_size = memory_size

    def prepare(self, encoded: Tensor, lengths: Tensor | None) -> Memory:
        """encoded: [batch source_time memory]; lengths: [batch], None = every row is whole."""
        return memory(self.score.keys(encoded), encoded, lengths)

    def forward(
        self, query: Tensor, memory: Memory, position: Tensor, coverage: Tensor | None = None, weights: bool = True
    ) -> Attended:
        """query: [batch queries query]; position: [batch queries], of no use here; coverage: [batch queries source]."""
        scores = self.score(query, memory.keys, paid(coverage, memory))
        found = masked(scores, None if memory.mask is None else memory.mask.unsqueeze(1)).softmax(dim=-1)
        return Attended(found @ memory.values, found.unsqueeze(1) if weights else None)
