"""What a part says of itself so that `seqnet export` can do without it: JSON that exporting/run.py acts on.

A part that can be exported has a method `exported() -> dict`, whose `kind` names what run.py does. Its class says so
itself: what a subclass does otherwise is not known, so a subclass says it again.
"""

from typing import Any

from seqnet.errors import ConfigurationError


def described(part: Any, what: str) -> dict[str, Any]:
    """What a part says of itself. what: the part, as the refusal calls it. Raises ConfigurationError."""
    if "exported" not in vars(type(part)):
        raise ConfigurationError(
            f"{what} is of {type(part).__module__}.{type(part).__name__}, which does not say how a program without "
            "seqnet does the same, so this run cannot be exported: give it a method `exported` (docs/export.md)"
        )
    found: dict[str, Any] = part.exported()
    return found
