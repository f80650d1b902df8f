"""Multi-head attention: several soft attentions of their own projections, combined."""

from typing import ClassVar

from torch import Tensor, nn

from seqnet.attention.memory import Attended, Memory, masked, memory, paid
from seqnet.attention.scores.scaled_dot import ScaledDot
from seqnet.attention.scoring import MakeScore
from seqnet.errors import ConfigurationError
from seqnet.linear import Linear
from seqnet.options import Width


class MultiHead(nn.Module):
    """Each head projects query, keys and values to its own share of the query's width and is soft attention there.

    What the heads find side by side is projected once more (Vaswani et al. 2017, section 3.2.2). score: as
    soft attention's. residual: the query is added to that; norm: and the sum is layer-normalised, as in section 3.1.
    coverage: each head's scores know what each position was paid before by all heads in the mean. Raises
    ConfigurationError.
    """

    projects: ClassVar[bool] = True  # queries and keys, whatever the score

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        score: MakeScore = ScaledDot,
        num_heads: Width = 4,
        residual: bool = False,
        norm: bool = False,
        coverage: bool = False,
    ) -> None:
        super().__init__()
        if num_heads < 1 or query_size % num_heads:
            raise ConfigurationError(
                f"attention.num_heads={num_heads} does not divide model.hidden_size={query_size}, the width that the "
                "heads share: change one of them"
            )
        compare = score(width=query_size // num_heads, coverage=coverage, heads=(num_heads,))
        self.query = Linear(query_size, query_size, bias=False)
        self.key = Linear(memory_size, query_size, bias=compare.key_bias)
        self.value = Linear(memory_size, query_size, bias=False)
        self.compare = compare
        self.combine = Linear(query_size, query_size, bias=False)
        self.norm = nn.LayerNorm(query_size) if norm else None
        self.num_heads = num_heads
        self.residual = residual
        self.coverage = coverage
        self.context_size = query_size

    def prepare(self, encoded: Tensor, lengths: Tensor | None) -> Memory:
        """encoded: [batch source_time memory]; lengths: [batch], None = every row is whole."""
        return memory(self._heads(self.key(encoded)), self._heads(self.value(encoded)), lengths)

    def forward(
        self, query: Tensor, memory: Memory, position: Tensor, coverage: Tensor | None = None, weights: bool = True
    ) -> Attended:
        """query: [batch queries query]; position: [batch queries], of no use here; coverage: [batch queries source]."""
        seen = paid(coverage, memory)
        seen = None if seen is None else seen.unsqueeze(1)
        scores = self.compare(self._heads(self.query(query)), memory.keys, seen)
        found = masked(scores, None if memory.mask is None else memory.mask[:, None, None]).softmax(dim=-1)
        context = self.combine((found @ memory.values).transpose(1, 2).flatten(2))
        if self.residual:
            context = query + context
        if self.norm is not None:
            context = self.norm(context)
        return Attended(context, found if weights else None)

    def _heads(self, x: Tensor) -> Tensor:
        """[batch time feature] to [batch heads time feature/heads]."""
        return x.view(*x.shape[:2], self.num_heads, -1).transpose(1, 2)
