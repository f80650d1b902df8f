"""Scores of what a decoder wrote freely, beside what was wanted: of tokens, of texts, of numbers."""

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError
from torchmetrics.text import CharErrorRate, WordErrorRate

from seqnet.decoding.brackets import CLOSE, LEAF, OPEN
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


class BracketF1(Metric):
    """F1 over the phrases of trees written as `(S (NP XX XX ) (VP XX ) )`, micro: label, beginning and end are right.

    As evalb counts them (Black et al. 1991): a phrase that stands there twice counts twice, words and their tags are
    none. 0 where there are no phrases at all. A bracket that is not closed, or that closes nothing, is no phrase.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    right: Tensor
    found: Tensor

    def __init__(self) -> None:
        super().__init__()
        for state in ("right", "found"):
            self.add_state(state, default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, written: Sequence[str], wanted: Sequence[str]) -> None:
        """Count trees."""
        for ours, theirs in zip(written, wanted, strict=True):
            mine, true = Counter(phrases(ours)), Counter(phrases(theirs))
            self.right += (mine & true).total()
            self.found += mine.total() + true.total()

    def compute(self) -> Tensor:
        """2 * right / (written + wanted)."""
        return 2 * self.right.double() / self.found.clamp(min=1)


class WellFormed(TokenAccuracy):
    """The share of what was written that is a tree with as many words as the one that was wanted."""

    def update(self, written: Sequence[str], wanted: Sequence[str]) -> None:  # type: ignore[override]
        """Count trees."""
        self.right += sum(
            is_tree(ours, theirs.split().count(LEAF)) for ours, theirs in zip(written, wanted, strict=True)
        )
        self.asked += len(wanted)


def phrases(tree: str) -> list[tuple[str, int, int]]:
    """The label of each phrase, and which words it is of, from the first to before the last, as they end."""
    found, opened, words = [], list[tuple[str, int]](), 0
    for token in tree.split():
        if token.startswith(OPEN):
            opened.append((token, words))
        elif token != CLOSE:
            words += 1
        elif opened:
            found.append((*opened.pop(), words))
    return found


def is_tree(text: str, words: int) -> bool:
    """Whether it is one phrase of so many words, none in it empty, and all that is open closed."""
    tokens, depth = text.split(), 0
    for place, token in enumerate(tokens):
        depth += token.startswith(OPEN) - (token == CLOSE)
        empty = token == CLOSE and tokens[place - 1].startswith(OPEN)
        if empty or depth < 0 or (depth == 0) != (place == len(tokens) - 1):
            return False
    return bool(tokens) and tokens[0].startswith(OPEN) and tokens.count(LEAF) == words


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

    def state(self) -> tuple[list[str], list[str]]:
        """What was counted, for `merge`."""
        return self._written, self._wanted

    def merge(self, several: Sequence[tuple[list[str], list[str]]]) -> None:
        """Have counted what several did, and nothing else."""
        self._written = [text for written, _ in several for text in written]
        self._wanted = [text for _, wanted in several for text in wanted]

    def compute(self) -> Tensor:
        """The score."""
        score = self._scorer.corpus_score(self._written, [self._wanted]).score
        return torch.tensor(score, dtype=torch.float64)


TOKENS: dict[str, Callable[[], Metric]] = {"token_accuracy": TokenAccuracy, "exact_match": ExactMatch}
TEXTS: dict[str, Callable[[], Metric | Corpus]] = {
    "cer": CharErrorRate,
    "wer": WordErrorRate,
    "bracket_f1": BracketF1,
    "well_formed": WellFormed,
    "bleu": lambda: Corpus("bleu"),
    "chrf": lambda: Corpus("chrf"),
}
NUMBERS: dict[str, Callable[[], Metric]] = {
    "mse": lambda: MeanSquaredError().set_dtype(torch.float64),
    "mae": lambda: MeanAbsoluteError().set_dtype(torch.float64),
}
