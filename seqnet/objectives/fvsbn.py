"""Several labels at once, each a logistic regression on those before it: a fully visible sigmoid belief network.

p(x_d = 1 | x_<d, h) = sigmoid(b_d(h) + sum_(k<d) U_kd x_k) (Neal 1992, without hidden units; Frey 1998; Bengio &
Bengio 2000 compare it with what has some). Of labels in general it is a probabilistic classifier chain (Read et al.
2009; Dembczynski et al. 2010), whose features are learned.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.objectives.label_chain import LabelChain, Links
from seqnet.options import Count
from seqnet.specs import Spec


class Fvsbn(LabelChain):
    """Each label's logit is the model's, and a number more or less for each label before it that is there.

    beam_size: of the search for the likeliest labels. Raises ConfigurationError for targets that are not several
    labels.
    """

    links: Triangular

    def __init__(self, targets: Spec, beam_size: Count = 4) -> None:
        super().__init__(targets, "fvsbn", Triangular, beam_size)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return {"kind": "fvsbn", **self.exported_chain(), "between": self.links.matrix().tolist()}


class Triangular(Links):
    """U, of which there is only what stands above the diagonal, row by row. size: labels."""

    places: Tensor  # [2 pairs]: k and d of each weight

    def __init__(self, size: int) -> None:
        super().__init__()
        self.out_features = size
        self.weight = nn.Parameter(torch.zeros(size * (size - 1) // 2))
        self.register_buffer("places", torch.triu_indices(size, size, 1), persistent=False)

    def matrix(self) -> Tensor:
        """U, [labels labels] (from, to)."""
        k, d = self.places
        return self.weight.new_zeros(self.out_features, self.out_features).index_put((k, d), self.weight)

    def given(self, logits: Tensor, labels: Tensor) -> Tensor:
        """x U beside the model's logits [n labels]. labels: [n labels]."""
        with torch.autocast(logits.device.type, enabled=False):
            return logits.to(self.weight.dtype) + labels.to(self.weight.dtype) @ self.matrix()

    def begin(self, logits: Tensor) -> Tensor:
        """The model's logits, [n labels]."""
        return logits.to(self.weight.dtype)

    def logit(self, place: int, logits: Tensor, state: Tensor) -> Tensor:
        """What was added up for it, [n]."""
        return state[:, place]

    def moved(self, place: int, state: Tensor, there: Tensor) -> Tensor:
        """Its weights are added to all behind it, [n labels]."""
        behind = self.out_features - 1 - place
        end = len(self.weight) - behind * (behind - 1) // 2
        return state + there[:, None] * F.pad(self.weight[end - behind : end], (place + 1, 0))
