"""What is heard in each frame, of which an answer is read off."""

from typing import NamedTuple

from torch import Tensor

from seqnet.decoding.hypothesis import Start
from seqnet.errors import ConfigurationError


class Heard(NamedTuple):
    """Log-probabilities of some rows. The last class is the blank."""

    logs: Tensor  # [batch frame classes]
    lengths: Tensor  # [batch]: frames that are no padding


def allowed(start: Start) -> Heard:
    """The memory, a `Heard`, with -inf where nothing may be written. Raises ConfigurationError for a prefix."""
    if start.prefix:
        raise ConfigurationError(
            "prefix is of a model that writes one token after another, and this one hears all of them at once: leave "
            "it out"
        )
    (logs, lengths), writing = start.memory, start.writing
    logs = logs.float().clone()
    for token in (*writing.forbidden, *([] if writing.end is None else [writing.end])):
        logs[..., token] = -float("inf")
    return Heard(logs, lengths)
