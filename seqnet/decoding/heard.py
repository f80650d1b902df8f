"""What is heard in each frame, of which an answer is read off."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from seqnet.errors import ConfigurationError
from seqnet.specs import Writing


class Heard(NamedTuple):
    """Log-probabilities of some rows. The last class is the blank."""

    logs: Tensor  # [batch frame classes]
    lengths: Tensor  # [batch]: frames that are no padding


def allowed(heard: Any, writing: Writing, prefix: Sequence[int]) -> Heard:
    """The same with -inf where nothing may be written. Raises ConfigurationError for a beginning that is given."""
    if prefix:
        raise ConfigurationError(
            "prefix is of a model that writes one token after another, and this one hears all of them at once: leave "
            "it out"
        )
    logs, lengths = heard
    logs = logs.float().clone()
    for token in (*writing.forbidden, *([] if writing.end is None else [writing.end])):
        logs[..., token] = -float("inf")
    return Heard(logs, lengths)
