"""What the objectives over one of several names (classes, tags, tokens) have in common."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from seqnet.errors import ConfigurationError
from seqnet.specs import Spec, Tokens


def expect_tokens(objective: str, targets: Spec) -> Tokens:
    """`targets` as Tokens. Raises ConfigurationError where they are vectors, or fewer than two names."""
    if not isinstance(targets, Tokens):
        raise ConfigurationError(
            f"objective={objective} judges one of several classes, but the data's targets are vectors of "
            f"{targets.size} numbers; use objective=regression or objective=multi_label"
        )
    if targets.size < 2:
        raise ConfigurationError(
            f"objective={objective} needs targets of at least two classes, but the training data has {targets.size}"
        )
    return targets


def check_smoothing(label_smoothing: float) -> float:
    """The value itself. Raises ConfigurationError unless it is at least 0 and below 1."""
    if not 0 <= label_smoothing < 1:
        raise ConfigurationError(f"objective.label_smoothing is {label_smoothing}; it must be at least 0 and below 1")
    return label_smoothing


def exported_classes(targets: Tokens, one_logit: bool = False, bias: float = 0.0) -> dict[str, Any]:
    """The likeliest of several classes as `seqnet.exported` has it. bias: off the logit of the commonest."""
    biased = {"bias": bias, "commonest": targets.commonest} if bias else {}
    return {"kind": "classes", "names": list(targets.names), "one_logit": one_logit, **biased}


def most_likely(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The class with the largest logit, and its probability. logits: [... classes]; returns [...] twice."""
    probability, decision = F.softmax(logits, dim=-1).max(dim=-1)
    return decision, probability
