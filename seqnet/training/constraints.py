"""Weights that have bounds, into which they are brought back after each step of the optimiser.

A module that has such weights has a method `constrain`, which does so.
"""

from typing import Any

from torch import nn


def constrained(model: nn.Module) -> list[Any]:
    """The modules of a model that have bounded weights."""
    return [module for module in model.modules() if hasattr(module, "constrain")]
