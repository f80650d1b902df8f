"""What the objectives over vectors of numbers have in common."""

from seqnet.errors import ConfigurationError
from seqnet.spaces import Space, Vector


def expect_vector(objective: str, targets: Space) -> Vector:
    """`targets` as a Vector. Raises ConfigurationError where they are classes."""
    if not isinstance(targets, Vector):
        raise ConfigurationError(
            f"objective={objective} needs targets that are numbers, but the data's are one of {targets.size} classes; "
            "use objective=classification, tokens or tags"
        )
    return targets
