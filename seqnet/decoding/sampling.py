"""Tokens drawn at random, from all of a distribution or from its likeliest part."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Hypothesis, Start, Stepper
from seqnet.decoding.incremental import Written, gathered, write
from seqnet.decoding.limits import LeastLength, Limits
from seqnet.errors import ConfigurationError, NonFiniteError
from seqnet.options import Count, CountFromZero, NotNegative, SomeShare, Steps, number


def sample(
    logits: Tensor,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    generator: torch.Generator,
    *,
    min_p: float | None = None,
    typical_p: float | None = None,
) -> Tensor:
    """Draw a token id for each row: [batch] of logits [batch vocab].

    The distribution is softmax(logits / temperature), which is cut in this order, and renormalised after each cut: to
    its `top_k` likeliest tokens (Fan et al. 2018); to its nucleus, the smallest set of the likeliest tokens whose
    probabilities sum to at least `top_p` (Holtzman et al. 2019); to the tokens at least `min_p` times as likely as
    the likeliest (Nguyen et al. 2024); to the smallest set of tokens of which -log p is next to the entropy, whose
    probabilities sum to at least `typical_p` (Meister et al. 2023). None = not cut. Of equal tokens the first come
    first. Temperature 0, the limit of ever lower ones, takes the likeliest token.
    Draws from `generator` alone, on its device. Raises NonFiniteError.
    """
    if temperature == 0:
        temperature, top_k = 1.0, 1
    # In doubles, from the largest logit down: no temperature above 0 overflows.
    scaled = logits.to(generator.device, torch.float64)
    scaled = (scaled - scaled.amax(dim=-1, keepdim=True)) / temperature
    if (top_k, top_p, min_p, typical_p) == (None,) * 4:
        return _drawn(scaled.softmax(dim=-1), generator).squeeze(-1).to(logits.device)
    ordered, ids = scaled.sort(dim=-1, descending=True, stable=True)
    probabilities = ordered[:, :top_k].softmax(dim=-1)
    if top_p is not None and top_p < 1:
        likelier = probabilities.cumsum(dim=-1) - probabilities  # what the tokens before this one sum to
        probabilities = probabilities.masked_fill(likelier >= top_p, 0.0)
    if min_p is not None:
        probabilities = probabilities.masked_fill(probabilities < min_p * probabilities[:, :1], 0.0)
    if typical_p is not None:
        probabilities = _typical(probabilities / probabilities.sum(dim=-1, keepdim=True), typical_p)
    place = _drawn(probabilities, generator)
    return ids.gather(-1, place).squeeze(-1).to(logits.device)


def _typical(probabilities: Tensor, share: float) -> Tensor:
    """The same with 0 in place of those whose -log p is farthest from the entropy. [batch n]"""
    entropy = torch.special.entr(probabilities).sum(dim=-1, keepdim=True)
    order = (-probabilities.log() - entropy).abs().sort(dim=-1, stable=True).indices
    near = probabilities.gather(-1, order)
    nearer = near.cumsum(dim=-1) - near  # what those before this one sum to
    return torch.zeros_like(near).scatter(-1, order, near.masked_fill(nearer >= share, 0.0))


def _drawn(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    try:
        return torch.multinomial(probabilities, 1, generator=generator)
    except RuntimeError as error:
        if probabilities.isfinite().all():
            raise
        raise NonFiniteError("the model's scores of the next token are not finite: none can be drawn") from error


class Sampling:
    """`sample` with its options, within `Limits`. Raises ConfigurationError for one that is out of range, or idle."""

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Any], target: Any) -> dict[str, str]:
        """Cuts that change nothing, as one token is left, and why."""
        if options["temperature"] == 0:
            return dict.fromkeys(("min_p", "typical_p"), "decoding.temperature=0 takes the likeliest token")
        if options["top_k"] == 1:
            return dict.fromkeys(("min_p", "typical_p"), "decoding.top_k=1 takes the likeliest token")
        return {"typical_p": "decoding.min_p=1 leaves the likeliest token"} if options["min_p"] == 1 else {}

    def __init__(
        self,
        temperature: NotNegative = 1.0,
        top_k: Count | None = None,
        top_p: Annotated[float, number(above=0, most=1)] | None = None,
        min_p: Annotated[float, number(above=0, most=1)] | None = None,
        typical_p: SomeShare | None = None,
        min_length: LeastLength = 0,
        max_length: Steps | None = None,
        no_repeat_ngram: CountFromZero = 0,
    ) -> None:
        if not 0 <= temperature < float("inf"):
            raise ConfigurationError(
                f"decoding.temperature is {temperature}; it must be at least 0, which takes the likeliest token"
            )
        if top_k is not None and top_k < 1:
            raise ConfigurationError(f"decoding.top_k is {top_k}; it must be at least 1, or null for all tokens")
        if top_p is not None and not 0 < top_p <= 1:
            raise ConfigurationError(f"decoding.top_p is {top_p}; it must be above 0 and at most 1, or null")
        if min_p is not None and not 0 < min_p <= 1:
            raise ConfigurationError(f"decoding.min_p is {min_p}; it must be above 0 and at most 1, or null")
        if typical_p is not None and not 0 < typical_p < 1:
            raise ConfigurationError(f"decoding.typical_p is {typical_p}; it must be above 0 and below 1, or null")
        cuts = {"min_p": min_p, "typical_p": typical_p}
        for key, why in self.idle({"temperature": temperature, "top_k": top_k, "min_p": min_p}, {}, None).items():
            if cuts[key] is not None:
                raise ConfigurationError(f"decoding.{key}={cuts[key]} has no effect: {why}; leave it out")
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p
        self.min_p = min_p
        self.typical_p = typical_p
        self.limits = Limits(min_length, max_length, no_repeat_ngram)

    def decode(self, model: Stepper, start: Start) -> list[list[Hypothesis]]:
        """One hypothesis a row, drawn from the generator."""
        return gathered(self.steps(model, start), start)

    def steps(self, model: Stepper, start: Start) -> Iterator[Written]:
        """The same, step by step. See `write`."""
        generator = torch.Generator().manual_seed(0) if start.generator is None else start.generator

        def choose(logs: Tensor) -> Tensor:
            cuts = {"min_p": self.min_p, "typical_p": self.typical_p}
            return sample(logs, self.temperature, self.top_k, self.top_p, generator, **cuts)

        return write(model, start, self.limits, choose)
