"""Several labels at once, each told of those before it: what the objectives of that kind have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis
from seqnet.linear import Linear
from seqnet.objectives.multi_label import MultiLabel, drawn
from seqnet.objectives.vectors import expect_vector
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric

LARGEST = 3 * 2**22  # numbers that exist at a time


class Links(nn.Module, ABC):
    """The weights by which labels depend on those before them, which are the same for every item.

    What is told of an item is its logits [n out], as the output layer makes them of the features.
    """

    out_features: int

    @abstractmethod
    def given(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The logit of each label where those before it are as `labels` [n labels] has them (0 or 1), [n labels]."""

    @abstractmethod
    def begin(self, logits: Tensor) -> Tensor:
        """What is known before the first label, [n state]."""

    @abstractmethod
    def logit(self, place: int, logits: Tensor, state: Tensor) -> Tensor:
        """The logit of the label at a place, [n]. state: what is known of those before it."""

    @abstractmethod
    def moved(self, place: int, state: Tensor, there: Tensor) -> Tensor:
        """What is known behind the label at a place. there: whether it is, [n] of 0 and 1."""


class LabelChain(MultiLabel):
    """p(x | h) = prod_d p(x_d | x_<d, h), the labels in the order of the data: notes from the lowest to the highest.

    The links are this objective's own, and learn with the model whose output layer holds them. nll is that of the
    labels as they are; accuracy and macro_f1 are of what is answered without being told any of them: the likeliest
    labels together, as far as a beam search from label to label finds them (Kumar et al. 2013). beam_size: how many
    ways to go on it keeps; 1 decides label by label. Raises ConfigurationError for targets that are not several labels.
    """

    axes = (Axis.ROW, Axis.STEP)

    def __init__(self, targets: Spec, name: str, links: Callable[[int], Links], beam_size: int) -> None:
        if expect_vector(name, targets).size < 2:
            raise ConfigurationError(
                f"objective={name} judges several labels, each told of those before it, and this data has one: use "
                "objective=multi_label"
            )
        super().__init__(targets)
        self.beam_size = beam_size
        self.links = links(targets.size)
        self.out_features = self.links.out_features

    def output_layer(self, in_features: int) -> ChainHead:
        """The model's output layer, which holds the links."""
        return ChainHead(in_features, self.links)

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Binary cross-entropy in nats, summed over labels and items. logits: [n out]; targets (0 or 1): [n labels]."""
        return self.losses(logits, targets, training).sum()

    def losses(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """What `loss` sums, [n]: -log p(x | h)."""
        labels = targets.reshape(len(logits), self.targets.size)
        given = self.links.given(logits, labels)
        return F.binary_cross_entropy_with_logits(given, labels.to(given.dtype), reduction="none").sum(dim=1)

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n items in `metrics`. logits: [n out]; targets: [n labels]."""
        metrics["nll"].update(self.losses(logits, targets))
        decisions, wanted = self._likeliest(logits).long(), targets.reshape(len(logits), -1).long()
        metrics["accuracy"].update(decisions, wanted)
        metrics["macro_f1"].update(decisions, wanted)

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Whether each label is there [... labels] bool, and the probability [...] of exactly these."""
        return self._told(logits, self._likeliest(logits.flatten(0, -2)))

    def _told(self, logits: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Labels [n labels] of logits [... out] as these stand, and their probability."""
        share, shape = (-self.losses(logits.flatten(0, -2), there)).double().exp(), logits.shape[:-1]
        return there.view(*shape, self.targets.size), share.view(shape)

    def conditionals(self, logits: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logit of each label given those before it, [... labels]. logits: [... out].

        labels: which are there, [n labels]; None: what is decided.
        """
        flat = logits.flatten(0, -2)
        found = self.links.given(flat, (self._likeliest(flat) if labels is None else labels).to(flat.dtype))
        return found.view(*logits.shape[:-1], self.targets.size)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability that each label is there, given what is decided of those before it, [... labels]."""
        return self.conditionals(logits).sigmoid()

    @torch.no_grad()
    def _likeliest(self, logits: Tensor) -> Tensor:
        """The likeliest labels that the beam finds, [n labels] bool. logits: [n out]."""
        rows = max(1, LARGEST // (self.beam_size * self.out_features))
        with torch.autocast(logits.device.type, enabled=False):
            return torch.cat([self._searched(some) for some in logits.split(rows)])

    def _searched(self, logits: Tensor) -> Tensor:
        beam = self.beam_size
        every = torch.arange(len(logits), device=logits.device)[:, None] * beam  # where an item's hypotheses begin
        wide = logits.repeat_interleave(beam, 0)
        state = self.links.begin(wide)
        scores = state.new_full((len(logits), beam), -math.inf)
        scores[:, 0] = 0
        chosen, origins = [], []
        for place in range(self.targets.size):
            logit = self.links.logit(place, wide, state).view_as(scores)
            ways = torch.cat([scores + F.logsigmoid(-logit), scores + F.logsigmoid(logit)], dim=1)
            scores, best = ways.topk(beam, dim=1)
            there, origin = best // beam, best % beam
            state = self.links.moved(place, state[(every + origin).flatten()], there.flatten().to(state.dtype))
            chosen.append(there)
            origins.append(origin)
        found, at = [], scores.argmax(dim=1, keepdim=True)
        for there, origin in zip(reversed(chosen), reversed(origins), strict=True):
            found.append(there.gather(1, at))
            at = origin.gather(1, at)
        return torch.cat(found[::-1], dim=1).bool()

    def exported_chain(self) -> dict[str, Any]:
        """What `exported` says of any such objective."""
        return {"names": list(self.targets.names or range(self.targets.size)), "beam_size": self.beam_size}

    def draw(self, logits: Tensor, generator: torch.Generator, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
        """Labels drawn one after the other, [... labels] bool, and how likely these are, [...]; see `drawn`."""
        with torch.autocast(logits.device.type, enabled=False):
            flat = logits.flatten(0, -2)
            state, found = self.links.begin(flat), []
            for place in range(self.targets.size):
                found.append(drawn(self.links.logit(place, flat, state), generator, temperature))
                state = self.links.moved(place, state, found[-1].to(state.dtype))
        return self._told(logits, torch.stack(found, dim=1))


class ChainHead(Linear):
    """Features to the logits that the links of an objective take; holds these, so that they learn, move and are kept
    with the model.
    """

    def __init__(self, in_features: int, links: Links) -> None:
        super().__init__(in_features, links.out_features)
        self.links = links
