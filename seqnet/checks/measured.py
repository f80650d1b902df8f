"""What a contract gives."""

from collections.abc import Iterator

Measured = Iterator[tuple[str, float]]
"""What was compared, in words, and how far apart it was; 0 = the same."""


class DoesNotApply(Exception):
    """A contract asks nothing of this configuration; the message says why."""
