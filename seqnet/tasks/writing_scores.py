"""Scores of what a decoder wrote freely, beside what was wanted: of tokens, of texts, of numbers."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError
from torchmetrics.text import CharErrorRate, WordErrorRate


class TokenAccuracy(Metric):
    """The share of the wanted tokens, their end included, that stand at the same place in what was written."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    right: Tensor
    asked: Tensor

    def __init__(self) -> None:
        super().__init__()
        for state in ("right", "asked"):
            self.add_state(state, default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, written: Sequence[Sequence[int]], wanted: Sequence[Sequence[int]]) -> None:
        """Count rows of token ids."""
        for ours, theirs in zip(written, wanted, strict=True):
            self.right += sum(one == other for one, other in zip(ours, theirs, strict=False))
            self.asked += len(theirs)

    def compute(self) -> Tensor:
        """right / asked."""
        return self.right.double() / self.asked


class ExactMatch(TokenAccuracy):
    """The share of rows that are written as wanted to the last token, their end included."""

    def update(self, written: Sequence[Sequence[int]], wanted: Sequence[Sequence[int]]) -> None:
        """Count rows of token ids."""
        self.right += sum(list(ours) == list(theirs) for ours, theirs in zip(written, wanted, strict=True))
        self.asked += len(wanted)


class NGrams(Metric):
    """What BLEU and chrF count: for each order the n-grams of both sides, and those that they share.

    paired: of a text whose reference has none of an order, none are counted.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    ours: Tensor  # [order]
    theirs: Tensor
    shared: Tensor

    def __init__(self, order: int, units: Callable[[str], Sequence[str]], paired: bool) -> None:
        super().__init__()
        self.order = order
        self.units = units
        self.paired = paired
        for state in ("ours", "theirs", "shared"):
            self.add_state(state, default=torch.zeros(order, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, written: Sequence[str], wanted: Sequence[str]) -> None:
        """Count texts."""
        for text, reference in zip(written, wanted, strict=True):
            sides = self.units(text), self.units(reference)
            for number in range(self.order):
                ours, theirs = (Counter(grams(side, number + 1)) for side in sides)
                self.ours[number] += ours.total() if theirs or not self.paired else 0
                self.theirs[number] += theirs.total()
                self.shared[number] += (ours & theirs).total()


def grams(units: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """All so many units that stand one after another."""
    return zip(*(units[first:] for first in range(length)), strict=False)


class Bleu(NGrams):
    """BLEU of a corpus (Papineni et al. 2002), 0 to 100, as `sacrebleu --tokenize none` prints it.

    An order without a match counts as half a match, the next such as a quarter, and so on. torchmetrics has no
    such smoothing, and so another score for short corpora.
    """

    def __init__(self) -> None:
        super().__init__(4, str.split, paired=False)

    def compute(self) -> Tensor:
        """The geometric mean of the orders' precisions, less where fewer words were written than wanted."""
        ours, shared = self.ours.tolist(), self.shared.tolist()
        if not any(shared) or not all(ours):
            return torch.tensor(0.0, dtype=torch.float64)
        half, logarithms = 1.0, 0.0
        for count, found in zip(ours, shared, strict=True):
            if not found:
                half /= 2
            logarithms += math.log((found or half) / count)
        brevity = min(0.0, 1 - int(self.theirs[0]) / ours[0])
        return torch.tensor(100 * math.exp(brevity + logarithms / self.order), dtype=torch.float64)


class Chrf(NGrams):
    """chrF (Popović 2015) of a corpus, 0 to 100, as sacrebleu prints it: 1 to 6 characters, recall twice as weighty.

    Precision and recall are averaged over the orders first; torchmetrics averages the orders' F-scores.
    """

    def __init__(self) -> None:
        super().__init__(6, lambda text: "".join(text.split()), paired=True)

    def compute(self) -> Tensor:
        """5 * precision * recall / (4 * precision + recall), over the orders that both sides have."""
        counted = (self.ours > 0) & (self.theirs > 0)
        precision, recall = (
            float((self.shared[counted] / side[counted].double()).sum()) for side in (self.ours, self.theirs)
        )
        if not precision + recall:
            return torch.tensor(0.0, dtype=torch.float64)
        mean = 5 * precision * recall / (4 * precision + recall) / int(counted.sum())
        return torch.tensor(100 * mean, dtype=torch.float64)


TOKENS: dict[str, Callable[[], Metric]] = {"token_accuracy": TokenAccuracy, "exact_match": ExactMatch}
TEXTS: dict[str, Callable[[], Metric]] = {"cer": CharErrorRate, "wer": WordErrorRate, "bleu": Bleu, "chrf": Chrf}
NUMBERS: dict[str, Callable[[], Metric]] = {
    "mse": lambda: MeanSquaredError().set_dtype(torch.float64),
    "mae": lambda: MeanAbsoluteError().set_dtype(torch.float64),
}
