"""Local attention: a weighted sum over the encoder states near one position."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.attention.memory import Attended, Memory, at, masked, memory
from seqnet.attention.scores.scaled_dot import ScaledDot
from seqnet.attention.scoring import MakeScore, Scoring
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.linear import Linear
from seqnet.options import CountFromZero

POSITIONS = ("monotonic", "predicted")


class Local(nn.Module):
    """The context is the weighted mean of the 2D+1 encoder states round a position p, D the `window`.

    Only these and at most as many beside them are read: the cost does not grow with the source (Luong et al. 2015,
    section 3.2).
    position: monotonic, p = t of target step t, at most a row's last position; or predicted, of the query h
    p = (S-1) sigmoid(v^T tanh(W h)), S the row's length (equation 9, positions counted from 0), the window round
    the nearest whole number. Where predicted, the logarithm of a Gaussian round p of deviation D/2 is added to the
    scores; the paper multiplies the weights by the Gaussian after the softmax, and they do not sum to 1 then.
    score, coverage: as soft attention's. Raises ConfigurationError.
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        score: MakeScore = ScaledDot,
        window: CountFromZero = 5,
        position: Literal["monotonic", "predicted"] = "predicted",
        coverage: bool = False,
    ) -> None:
        super().__init__()
        if window < 0:
            raise ConfigurationError(f"attention.window={window} must be at least 0, positions to each side")
        if position not in POSITIONS:
            raise ConfigurationError(
                f"attention.position={position} is not one of {', '.join(POSITIONS)}{did_you_mean(position, POSITIONS)}"
            )
        self.score = Scoring(score, query_size, memory_size, coverage)
        if reach := getattr(self.score.compare, "reach", 0):
            raise ConfigurationError(
                f"attention.score.reach={reach} looks at what stands beside a position, and attention=local reads a "
                "window of the source alone: set attention.score.reach=0, or attention=soft, hard or multi_head"
            )
        self.predict: nn.Module | None = None
        if position == "predicted":
            hidden = Linear(query_size, query_size, bias=False)
            self.predict = nn.Sequential(hidden, nn.Tanh(), nn.Linear(query_size, 1, bias=False), nn.Sigmoid())
        # Positions that go up by at most 1 from query to query let a block of queries read one stretch of the source:
        # twice the products, but of matrices, and far fewer copies. What is no product would cost twice as much.
        self.in_blocks = position == "monotonic" and self.score.compare.is_product
        self.window = window
        self.coverage = coverage
        self.context_size = memory_size

    def prepare(self, encoded: Tensor, lengths: Tensor | None) -> Memory:
        """encoded: [batch source_time memory]; lengths: [batch], None = every row is whole."""
        return memory(self.score.keys(encoded), encoded, lengths)

    def forward(
        self, query: Tensor, memory: Memory, position: Tensor, coverage: Tensor | None = None, weights: bool = True
    ) -> Attended:
        """query: [batch queries query]; coverage: [batch queries source_time].

        position: [batch queries], where monotonic up by 0 or 1 from query to query.
        """
        time, last = memory.values.shape[1], memory.lengths[:, None] - 1
        exact = None if self.predict is None else last * self.predict(query).squeeze(-1)
        centre = position.minimum(last) if exact is None else exact.round().long()
        reach = min(self.window, time - 1)  # a wider window is the whole source, wherever it lies
        queries = query.shape[1]
        block = min(2 * reach + 1, queries) if self.in_blocks else 1
        missing = -queries % block
        if missing:
            query = F.pad(query, (0, 0, 0, missing))
            centre = torch.cat([centre, centre[:, -1:].expand(-1, missing)], dim=1)
        query, centre = query.unflatten(1, (-1, block)), centre.unflatten(1, (-1, block))
        first = centre[..., :1] - reach
        places = first + torch.arange(block + 2 * reach, device=query.device)  # [batch blocks stretch]
        within = places.clamp(0, time - 1)
        away = places.unsqueeze(2) - centre.unsqueeze(3)  # [batch blocks block stretch]
        valid = (places >= 0) & (places <= last[..., None])
        each = within.unsqueeze(2).expand_as(away).flatten(1, 2)  # [batch blocks*block stretch]
        if coverage is not None:
            coverage = coverage.expand(-1, queries, -1).gather(-1, each[:, :queries])
            coverage = F.pad(coverage, (0, 0, 0, missing)).view(away.shape)
        scores = self.score(query, at(memory.keys, within), coverage)
        if exact is not None and self.window:
            off = places.unsqueeze(2) - exact[..., None, None]
            scores = scores - 2 * (off / self.window) ** 2  # the Gaussian's (s-p)^2 / (2 (D/2)^2)
        found = masked(scores, (away.abs() <= reach) & valid.unsqueeze(2)).softmax(dim=-1)
        context = (found @ at(memory.values, within)).flatten(1, 2)[:, :queries]
        if not weights:
            return Attended(context, None)
        # Added, not written: a place outside stands for one inside, and adds its 0 there.
        whole = found.new_zeros(*each.shape[:2], time).scatter_add(-1, each, found.flatten(1, 2))
        return Attended(context, whole[:, None, :queries])
