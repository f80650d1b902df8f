"""Decoding with some tokens of a vocabulary: of the output layer, too, only their part is computed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.decoding.generation import Decoding
from seqnet.decoding.hypothesis import Hypothesis, Start
from seqnet.decoding.incremental import Written
from seqnet.decoding.limits import Limits
from seqnet.linear import Linear, is_plain
from seqnet.specs import Writing
from seqnet.state import State


class Constrained:
    """What `decoding` finds where nothing but `tokens`, and the end, is ever written.

    Their probabilities sum to 1, as if all other logits were -inf. The tokens of a prefix count among them, and are
    written again only where they are of `tokens`. The model has a `head`, and its step takes another in its place.
    """

    def __init__(self, decoding: Decoding, tokens: Sequence[int]) -> None:
        self.decoding = decoding
        self.tokens = frozenset(tokens)

    @property
    def limits(self) -> Limits:
        """Those of the decoding."""
        return self.decoding.limits

    @torch.no_grad()
    def decode(self, model: Any, start: Start) -> list[list[Hypothesis]]:
        """As `decoding` does, with places among the tokens in the place of tokens."""
        tokens, few, begun = self._among(model, start)
        found = self.decoding.decode(few, begun)
        return [[one._replace(ids=[tokens[place] for place in one.ids]) for one in row] for row in found]

    def steps(self, model: Any, start: Start) -> Iterator[Written]:
        """The same step by step, of a decoding that has `steps`."""
        _, few, begun = self._among(model, start)
        return (one._replace(ids=few.read[one.ids]) for one in self.decoding.steps(few, begun))  # type: ignore[attr-defined]

    def _among(self, model: Any, start: Start) -> tuple[list[int], "_Few", Start]:
        """The tokens by their places, and what `decoding` is asked of these."""
        writing = start.writing
        free = self.tokens if writing.end is None else self.tokens | {writing.end}
        tokens = sorted(free.union(start.prefix))
        places = {token: place for place, token in enumerate(tokens)}
        inside = Writing(
            begin=None,
            end=None if writing.end is None else places[writing.end],
            forbidden=tuple(
                place for token, place in places.items() if token in writing.forbidden or token not in free
            ),
            longest=writing.longest,
        )
        # What is read first need not be of the tokens: it stands behind them, and there is no output for it.
        inputs = start.inputs
        few = _Few(model, torch.tensor(tokens, device=inputs.device), inputs)
        begins = torch.arange(len(tokens), len(tokens) + len(inputs), device=inputs.device)
        begun = [places[token] for token in start.prefix]
        return tokens, few, start._replace(writing=inside, prefix=begun, first=begins)


class _Few:
    """A model that reads and writes places in a list of tokens."""

    def __init__(self, model: Any, tokens: Tensor, first: Tensor) -> None:
        self.model = model
        self.read = torch.cat([tokens, first])
        self.head = rows_of(model.head, tokens)

    def step(self, inputs: Tensor, state: State, memory: State) -> tuple[Tensor, State, Tensor | None]:
        """One step of the model."""
        found: tuple[Tensor, State, Tensor | None] = self.model.step(self.read[inputs], state, memory, self.head)
        return found


def rows_of(head: nn.Module, tokens: Tensor) -> Callable[[Tensor], Tensor]:
    """An output layer that makes of features [rows feature] the logits of `tokens` alone, [rows tokens]."""
    if not is_plain(head):
        return lambda features: head(features).index_select(-1, tokens)
    few: Linear = nn.utils.skip_init(Linear, head.in_features, len(tokens), head.bias is not None)
    few.weight = nn.Parameter(head.weight[tokens], requires_grad=False)
    if head.bias is not None:
        few.bias = nn.Parameter(head.bias[tokens], requires_grad=False)
    return few
