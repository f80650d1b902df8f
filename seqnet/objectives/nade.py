"""Several labels at once, each told of those before it: the neural autoregressive distribution estimator.

p(x_d = 1 | x_<d, h) = sigmoid(b_d(h) + V_d . sigmoid(c(h) + sum_(k<d) W_k x_k)) (Larochelle & Murray 2011, equations 4
and 5). That the biases b and c follow from what was read before, h, is the RNN-NADE of Boulanger-Lewandowski et al.
(2012, section 5).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqnet.objectives.label_chain import LARGEST, LabelChain, Links
from seqnet.options import Count
from seqnet.specs import Spec


class Nade(LabelChain):
    """Each label's logit is that of a small network of one hidden layer, which sees the labels before it.

    units: of the hidden layer. beam_size: of the search for the likeliest labels. Raises ConfigurationError for targets
    that are not several labels.
    """

    links: HiddenUnits

    def __init__(self, targets: Spec, units: Count = 48, beam_size: Count = 4) -> None:
        super().__init__(targets, "nade", lambda size: HiddenUnits(size, units), beam_size)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        weights = {name: weight.tolist() for name, weight in self.links.named_parameters()}
        return {"kind": "nade", **self.exported_chain(), **weights}


class HiddenUnits(Links):
    """W, by which a label that is there moves the hidden units, and V, by which these move a label's logit.

    size: labels. Logits are b, of the labels, and behind them c, of the units.
    """

    def __init__(self, size: int, units: int) -> None:
        super().__init__()
        self.size = size
        self.out_features = size + units
        self.read = nn.Parameter(torch.empty(size - 1, units))  # W: behind the last label comes none
        self.write = nn.Parameter(torch.empty(size, units))  # V
        for weight in (self.read, self.write):
            nn.init.uniform_(weight, -(units**-0.5), units**-0.5)

    def given(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The logit of each label, [n labels], where those before it are as `labels` [n labels] has them.

        The hidden units move only where a label is there. So an item with m labels has m + 1 states of them, made by
        one cumulative sum; each label reads that of as many as are there before it. On a GPU, which is not asked how
        many there are, each label has a state of its own. Of many items some are computed at a time, and again in the
        backward pass.
        """
        with torch.autocast(logits.device.type, enabled=False):
            logits, before = logits.to(self.read.dtype), labels[:, :-1].to(self.read.dtype)
            most = int(before.sum(dim=1).max()) if before.is_cpu and len(before) else before.shape[1]
            states = 1 + most
            rows = max(1, LARGEST // (states * self.out_features))
            if len(logits) <= rows:
                return self._given(logits, before, states)
            parts = zip(logits.split(rows), before.split(rows), strict=True)
            again = partial(checkpoint, self._given, use_reentrant=False, preserve_rng_state=False)  # it draws nothing
            return torch.cat([again(*part, states) for part in parts])

    def _given(self, logits: Tensor, before: Tensor, states: int) -> Tensor:
        own, first = self._parts(logits)
        there, places = before.sort(dim=1, descending=True, stable=True)
        there, places = there[:, : states - 1], places[:, : states - 1]
        moves = self.read[places] * there.unsqueeze(2)
        moves = moves.new_ones(states - 1, states - 1).tril() @ moves  # torch.cumsum is not deterministic on a GPU
        hidden = torch.cat([first.unsqueeze(1), first.unsqueeze(1) + moves], dim=1).sigmoid()  # [n states units]
        before = before.long()
        which = torch.cat([torch.zeros_like(before[:, :1]), before.cumsum(dim=1)], dim=1)  # [n labels]
        seen = (hidden @ self.write.t()).gather(1, which.unsqueeze(1)).squeeze(1)
        return own + seen

    def begin(self, logits: Tensor) -> Tensor:
        """c, [n units]."""
        return self._parts(logits.to(self.read.dtype))[1]

    def logit(self, place: int, logits: Tensor, state: Tensor) -> Tensor:
        """b_d + V_d . sigmoid(state), [n]. state: before their nonlinearity, [n units]."""
        return logits[:, place].to(state.dtype) + state.sigmoid() @ self.write[place]

    def moved(self, place: int, state: Tensor, there: Tensor) -> Tensor:
        """W_d added where the label is there; behind the last one there is nothing to add."""
        return state + there[:, None] * self.read[place] if place < self.size - 1 else state

    def _parts(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        own, first = logits.split([self.size, self.out_features - self.size], dim=1)
        return own, first
