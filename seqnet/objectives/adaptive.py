"""The next token of a large vocabulary: adaptive softmax (Grave et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor, nn

from seqnet.errors import ConfigurationError
from seqnet.kinds import RANKED, Axis, Item
from seqnet.objectives.classes import expect_tokens, exported_classes
from seqnet.objectives.tokens import NextToken
from seqnet.options import Option, number, several, whole
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric


Cutoffs = Annotated[
    Sequence[int],
    Option(
        "a list of rising whole numbers of at least 1",
        lambda value: several(whole(1)).accepts(value) and len(value) > 0 and sorted(set(value)) == value,
    ),
]


class AdaptiveTokens:
    """The next token, of frequent ones at once, of rarer ones by way of the cluster that they are in.

    p(token) = p(token | h) for the first `cutoffs[0]` tokens, else p(cluster | h) p(token | cluster, h), where cluster
    i sees h through a matrix of width hidden / div_value^i (Grave et al. 2017, section 4). cutoffs: where clusters
    begin; None: at a sixteenth and a quarter of the vocabulary, as far as the width goes. Raises ConfigurationError
    for targets that are no vocabulary in order of frequency, and for cutoffs that do not rise inside it.
    """

    judges = (Item.TOKEN,)
    scores = ("perplexity", "bits", "accuracy")
    axes = (Axis.STEP, Axis.SEQUENCE)
    needs = (RANKED,)

    def __init__(
        self, targets: Spec, cutoffs: Cutoffs | None = None, div_value: Annotated[float, number(least=1)] = 4.0
    ) -> None:
        self.targets = expect_tokens("adaptive", targets)
        if not self.targets.ranked:
            raise ConfigurationError(
                "objective=adaptive needs a vocabulary in order of frequency, which this data does not have: use "
                "objective=tokens"
            )
        size = self.targets.size
        if cutoffs is not None and (
            sorted(set(cutoffs)) != list(cutoffs) or not cutoffs or cutoffs[0] < 1 or cutoffs[-1] >= size
        ):
            raise ConfigurationError(
                f"objective.cutoffs={list(cutoffs)} must rise, from at least 1 to below the {size} entries of this "
                "data's vocabulary; null chooses them"
            )
        if div_value < 1:
            raise ConfigurationError(f"objective.div_value is {div_value}; it must be at least 1")
        self.cutoffs = cutoffs
        self.div_value = div_value
        self.out_features = size
        self.class_names: tuple[str, ...] = ()
        self._tokens = NextToken(targets)

    def output_layer(self, in_features: int) -> AdaptiveLayer:
        """The model's output layer. Raises ConfigurationError where a cluster would see nothing of the features."""
        size = self.out_features
        if self.cutoffs is None:
            cutoffs = sorted({max(1, size // 16), max(1, size // 4)})
            cutoffs = [cutoff for i, cutoff in enumerate(cutoffs, 1) if i == 1 or in_features >= self.div_value**i]
        else:
            cutoffs = list(self.cutoffs)
        if in_features < self.div_value ** len(cutoffs):
            raise ConfigurationError(
                f"objective.div_value={self.div_value} leaves cluster {len(cutoffs)} of {in_features} features none: "
                "lower it, name fewer objective.cutoffs, or raise model.hidden_size"
            )
        return AdaptiveLayer(in_features, size, cutoffs, self.div_value, size - self.targets.ranked)

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed cross-entropy in nats. logits: [n vocab], of which log-probabilities are some; targets: [n] int64."""
        return self._tokens.loss(logits, targets, training)

    def losses(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """What `loss` sums, [n]."""
        return self._tokens.losses(logits, targets, training)

    def metrics(self) -> dict[str, Metric]:
        """perplexity, bits (a token) and accuracy."""
        return self._tokens.metrics()

    def row_metrics(self) -> dict[str, Metric]:
        """None."""
        return {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits: [n vocab]; targets: [n]."""
        self._tokens.update(metrics, logits, targets)

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely token and its probability. logits: [... vocab]; returns [...] twice."""
        return self._tokens.decide(logits)

    def explain(self, decision: int) -> str:
        """The token."""
        return self._tokens.explain(decision)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return exported_classes(self.targets)

    def derived(self, loss: float) -> dict[str, float]:
        """perplexity and bits."""
        return self._tokens.derived(loss)


class AdaptiveLayer(nn.Module):
    """Features to log-probabilities, or straight to the losses of given tokens, which is what is cheap.

    special: how many tokens at the vocabulary's end are frequent ones; they are taken for its first.
    """

    def __init__(
        self, in_features: int, out_features: int, cutoffs: Sequence[int], div_value: float, special: int = 0
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.special = special
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(in_features, out_features, list(cutoffs), div_value)

    def forward(self, features: Tensor) -> Tensor:
        """Log-probabilities [... vocab] of features [... feature]."""
        found = self._exactly(lambda x: self.softmax.log_prob(x), features.flatten(0, -2))
        if self.special:
            found = found.roll(-self.special, dims=1)
        return found.view(*features.shape[:-1], self.out_features)

    def losses(self, features: Tensor, targets: Tensor) -> Tensor:
        """The negative log-probability of each target, [n], in nats. features: [n feature]; targets: [n] int64."""
        ranks = (targets + self.special) % self.out_features if self.special else targets
        return -self._exactly(lambda x: self.softmax(x, ranks).output, features)

    def _exactly(self, function: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
        """Torch's class mixes types under autocast: what comes to it has the type of its weights."""
        with torch.autocast(features.device.type, enabled=False):
            return function(features.to(self.softmax.head.weight.dtype))
