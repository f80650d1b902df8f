"""What may not be written, whatever the model says: log-probabilities are set to -inf there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from seqnet.errors import ConfigurationError
from seqnet.options import CountFromZero, Steps, whole
from seqnet.specs import Writing

LeastLength = Annotated[int, whole(0, 1_000_000)]


@dataclass(frozen=True)
class Limits:
    """min_length: tokens before the end may come. max_length: tokens at most, the end counted; None: half more than
    the longest target seen in training, or what min_length needs. no_repeat_ngram: no so many tokens in a row occur
    twice, but where nothing else may be written; 0 = any may. Raises ConfigurationError.
    """

    min_length: LeastLength = 0
    max_length: Steps | None = None
    no_repeat_ngram: CountFromZero = 0

    def __post_init__(self) -> None:
        if self.min_length < 0 or self.no_repeat_ngram < 0:
            raise ConfigurationError("decoding.min_length and decoding.no_repeat_ngram must be at least 0")
        if self.max_length is not None and self.max_length < max(1, self.min_length):
            raise ConfigurationError(
                f"decoding.max_length={self.max_length} must be at least 1, and at least "
                f"decoding.min_length={self.min_length}"
            )

    def steps(self, writing: Writing, forced: int = 0) -> int:
        """How many tokens may be written. Raises ConfigurationError where fewer than are forced."""
        most = writing.longest
        if writing.end is not None:
            most = max(most + most // 2, self.min_length + 1) if self.max_length is None else self.max_length
        elif self.max_length is not None:
            most = min(most, self.max_length)
        if forced > most:
            raise ConfigurationError(
                f"decoding.max_length lets {most} tokens be written, and {forced} are given to begin with: give fewer, "
                "or set decoding.max_length higher"
            )
        return most

    def apply(self, logs: Tensor, written: Tensor, writing: Writing, prefix: Sequence[int]) -> Tensor:
        """Log-probabilities [rows vocab] after written [rows time], -inf where nothing may be written; overwritten.

        prefix: how every sequence begins, whatever the other limits say.
        """
        time = written.shape[1]
        if time < len(prefix):
            kept = logs[:, prefix[time]].clone()
            logs.fill_(-torch.inf)[:, prefix[time]] = kept
            return logs
        for token in writing.forbidden:
            logs.select(1, token).fill_(-torch.inf)
        if writing.end is not None and time < self.min_length:
            end = logs.select(1, writing.end)
            last = end.clone()
            end.fill_(-torch.inf)
            if writing.grammar is not None:  # which may leave nothing but the end
                end.copy_(torch.where(logs.amax(dim=1) == -torch.inf, last, end))
        if self.no_repeat_ngram and time >= self.no_repeat_ngram:
            once = self._without_repeats(logs, written)
            left = once.amax(dim=-1, keepdim=True) > -torch.inf  # rows that may still write something
            return torch.where(left, once, logs)
        return logs

    def _without_repeats(self, logs: Tensor, written: Tensor) -> Tensor:
        size, time = self.no_repeat_ngram, written.shape[1]
        before = written.unfold(1, size, 1)  # [rows n-grams size]: all that were written
        same = (before[..., : size - 1] == written[:, None, time - size + 1 :]).all(dim=-1)
        # What followed the same tokens before: one place more than the vocabulary takes those that did not.
        banned = torch.where(same, before[..., size - 1], logs.shape[1])
        wider = torch.cat([logs, logs[:, :1]], dim=1).scatter(1, banned, -torch.inf)
        return wider[:, :-1]
