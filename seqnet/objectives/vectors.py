"""What the objectives over vectors of numbers have in common."""

from collections.abc import Sequence
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


def exported_amounts(targets: Vector, parts: Sequence[str] = ("",)) -> dict[str, Any]:
    """Numbers in the units of the file as `seqnet.exported` has them. parts: of each, such as quantiles."""
    scale = targets.scale
    return {
        "kind": "amounts",
        "names": list(targets.names),
        "size": targets.size,
        "centre": [0.0] * targets.size if scale is None else list(scale.centre),
        "deviation": [1.0] * targets.size if scale is None else list(scale.deviation),
        "log": scale is not None and scale.log,
        "digits": list(targets.digits or [6] * targets.size),
        "parts": list(parts),
    }


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
