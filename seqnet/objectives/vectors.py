"""What the objectives over vectors of numbers have in common."""

from typing import Any

import torch
from torch import Tensor

from seqnet.errors import ConfigurationError
from seqnet.specs import Spec, Vector


def expect_vector(objective: str, targets: Spec) -> Vector:
    """`targets` as a Vector. Raises ConfigurationError where they are classes."""
    if not isinstance(targets, Vector):
        raise ConfigurationError(
            f"objective={objective} needs targets that are numbers, but the data's are one of {targets.size} classes; "
            "use objective=classification, tokens or tags"
        )
    return targets


def undone(targets: Vector, values: Tensor) -> Tensor:
    """Numbers [n size] in the units of the file."""
    return values if targets.scale is None else targets.scale.undo(values)


def as_answer(targets: Vector, numbers: list[float]) -> Any:
    """Scaled numbers in the units of the file: one number, a number by name where the data names them, or a list."""
    return in_words(targets, undone(targets, torch.tensor([numbers]))[0].tolist())


def in_words(targets: Vector, numbers: list[float]) -> Any:
    """As `as_answer`, of numbers in the units of the file, with the digits of their columns."""
    numbers = targets.rounded(numbers)
    if targets.names:
        return dict(zip(targets.names, numbers, strict=True))
    return numbers[0] if targets.size == 1 else numbers
