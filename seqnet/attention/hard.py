"""Hard attention: one encoder state, of which it is not known which, or one that is drawn at random in training."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from seqnet.attention.memory import Attended, Memory, at, masked, memory, paid
from seqnet.attention.scores.scaled_dot import ScaledDot
from seqnet.attention.scoring import MakeScore, Scoring
from seqnet.draws import uniform
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.kinds import Kind
from seqnet.options import Count, number

ESTIMATORS = ("auto", "exact", "reinforce", "gumbel")
DECODES = ("mixture", "hard")


class Hard(nn.Module):
    """The context is one encoder state, which it is by the softmax of the scores.

    estimator: how the scores learn. exact: nothing is drawn; what is answered at each state is mixed by how likely it
    is, p(y_t) = sum_s a_ts p(y_t | h_t, s), which is the likelihood itself (Wu et al. 2018, equation 5) where no step
    reads what an earlier one found. top_k: of the k likeliest states alone, their weights over their sum (Shankar et
    al. 2018, section 3, who leave them as they are); None = of all. decode: in evaluation by the mixture too, or hard:
    by the best state.
    With the others it is drawn in training, and in evaluation the best state. reinforce: by the draw's
    log-probability, against a baseline, a learnt linear map of the detached query (Williams 1992; Xu et al. 2015,
    section 4.1); the task makes the loss. entropy: nats that are taken off the loss for each nat of entropy of the
    draw (section 4.1 too); 0 = none. gumbel: the gradient of softmax((scores + Gumbel noise) / temperature) in place
    of the draw's, which is its maximum (straight-through, Jang et al. 2017).
    auto: what `settled` makes of it before a run is built; of a model that is built without, reinforce, which goes with
    any. score, coverage: as soft attention's. Raises ConfigurationError.
    """

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """The options of the other estimators."""
        of = {"top_k": "exact", "decode": "exact", "entropy": "reinforce", "temperature": "gumbel"}
        return {
            key: f"it is of attention.estimator={estimator}"
            for key, estimator in of.items()
            if estimator != options["estimator"]
        }

    @staticmethod
    def conflict(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> str | None:
        """Scores that knew all states in training cannot be told of the best alone."""
        if options["estimator"] != "exact" or options["decode"] != "hard" or not options["coverage"]:
            return None
        return (
            "attention.coverage=true tells the scores what each position was paid, and attention.decode=hard pays the "
            "best one alone, as in training none does: set attention.decode=mixture or attention.coverage=false"
        )

    @staticmethod
    def mixed(options: Mapping[str, Any]) -> bool:
        """Whether what is answered at each state is mixed, so that no step may read what an earlier one found."""
        return bool(options["estimator"] == "exact")

    @staticmethod
    def settled(options: Mapping[str, Any], mixes: bool) -> dict[str, Any]:
        """The options with the estimator that `auto` is. mixes: whether answers can be mixed here."""
        if options["estimator"] != "auto":
            return dict(options)
        return {**options, "estimator": "exact" if mixes else "reinforce"}

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        score: MakeScore = ScaledDot,
        estimator: Literal["auto", "exact", "reinforce", "gumbel"] = "auto",
        entropy: Annotated[float, number(least=0, most=1000)] = 0.05,
        temperature: Annotated[float, number(least=0.001)] = 1.0,
        coverage: bool = False,
        top_k: Count | None = None,
        decode: Literal["mixture", "hard"] = "mixture",
    ) -> None:
        super().__init__()
        if estimator not in ESTIMATORS:
            raise ConfigurationError(
                f"attention.estimator={estimator} is not one of {', '.join(ESTIMATORS)}"
                f"{did_you_mean(estimator, ESTIMATORS)}"
            )
        if entropy < 0 or temperature <= 0:
            raise ConfigurationError(
                f"attention.entropy={entropy} must be at least 0 and attention.temperature={temperature} above 0"
            )
        if decode not in DECODES or (top_k is not None and top_k < 1):
            raise ConfigurationError(
                f"attention.decode={decode} must be one of {', '.join(DECODES)} and attention.top_k={top_k} at least "
                "1, or null for all positions"
            )
        self.score = Scoring(score, query_size, memory_size, coverage)
        self.mixes = estimator == "exact"
        self.top_k = top_k
        self.decode = decode
        self.baseline = nn.Linear(query_size, 1) if estimator in ("auto", "reinforce") else None
        self.entropy = entropy
        self.temperature = temperature
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
        scores = masked(scores, None if memory.mask is None else memory.mask[:, None])
        if self.mixes and (self.training or self.decode == "mixture"):
            return self._each(scores, memory, weights)
        if not self.training:
            chosen = scores.argmax(dim=-1)
            return Attended(at(memory.values, chosen), _one_hot(chosen, scores)[:, None] if weights else None)
        # The largest of log-probabilities with Gumbel noise is a draw. Half precision would draw others.
        logs = scores.to(torch.promote_types(scores.dtype, torch.float32)).log_softmax(dim=-1)
        noisy = logs - (-uniform(*logs.shape, device=logs.device).log()).log().to(logs.dtype)
        chosen = noisy.argmax(dim=-1)
        if self.baseline is None:
            soft = (noisy / self.temperature).softmax(dim=-1)
            drawn = _one_hot(chosen, logs) + (soft - soft.detach())  # the choice itself, with the gradient of `soft`
            return Attended(drawn.to(memory.values.dtype) @ memory.values, drawn[:, None] if weights else None)
        return Attended(
            at(memory.values, chosen),
            _one_hot(chosen, logs)[:, None] if weights else None,
            logs.gather(-1, chosen[..., None]).squeeze(-1),
            self.baseline(query.detach()).squeeze(-1),
            self.entropy * _entropy(logs) if self.entropy else None,
        )

    def _each(self, scores: Tensor, memory: Memory, weights: bool) -> Attended:
        """Every state, or the likeliest ones, each with its log-probability."""
        logs = scores.to(torch.promote_types(scores.dtype, torch.float32)).log_softmax(dim=-1)
        context, share = memory.values.unsqueeze(1), None
        if self.top_k is not None and self.top_k < logs.shape[-1]:
            best, places = logs.topk(self.top_k, dim=-1)
            whole, logs = logs, best.log_softmax(dim=-1)
            context = at(memory.values, places)
            share = torch.zeros_like(whole).scatter(-1, places, logs.exp()) if weights else None
        elif weights:
            share = logs.exp()
        return Attended(context, None if share is None else share[:, None], logs=logs)


def _entropy(logs: Tensor) -> Tensor:
    """In nats, of log-probabilities over the last dimension; one of minus infinity adds 0."""
    return -(logs.exp() * logs.masked_fill(logs.isneginf(), 0)).sum(dim=-1)


def _one_hot(chosen: Tensor, scores: Tensor) -> Tensor:
    """1 at the chosen position [batch queries], 0 elsewhere, of the scores' shape and type."""
    return torch.zeros_like(scores).scatter(-1, chosen[..., None], 1.0)
