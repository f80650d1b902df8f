"""Scores of what a decoder wrote freely, beside what was wanted: of tokens, of texts, of numbers."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError
from torchmetrics.text import CharErrorRate, WordErrorRate

from seqnet.errors import ConfigurationError


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


class Corpus:
    """A score of all texts together, 0 to 100, by sacrebleu (Post 2018), of texts as they are (`tokenize=none`).

    Raises ConfigurationError where sacrebleu is not installed.
    """

    def __init__(self, name: str) -> None:
        try:
            import sacrebleu
        except ImportError as error:
            raise ConfigurationError(
                f"task.metrics has {name}, which the package sacrebleu counts: pip install 'seqnet[text]'"
            ) from error
        self._scorer = sacrebleu.BLEU(tokenize="none", force=True) if name == "bleu" else sacrebleu.CHRF()
        self._written: list[str] = []
        self._wanted: list[str] = []

    def update(self, written: Sequence[str], wanted: Sequence[str]) -> None:
        """Count texts."""
        self._written += written
        self._wanted += wanted

    def compute(self) -> Tensor:
        """The score."""
        score = self._scorer.corpus_score(self._written, [self._wanted]).score
        return torch.tensor(score, dtype=torch.float64)


TOKENS: dict[str, Callable[[], Metric]] = {"token_accuracy": TokenAccuracy, "exact_match": ExactMatch}
TEXTS: dict[str, Callable[[], Metric | Corpus]] = {
    "cer": CharErrorRate,
    "wer": WordErrorRate,
    "bleu": lambda: Corpus("bleu"),
    "chrf": lambda: Corpus("chrf"),
}
NUMBERS: dict[str, Callable[[], Metric]] = {
    "mse": lambda: MeanSquaredError().set_dtype(torch.float64),
    "mae": lambda: MeanAbsoluteError().set_dtype(torch.float64),
}
