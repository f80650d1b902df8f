"""Which module first made a value that is not finite."""

from typing import Any

import torch
from torch import Tensor, nn

from seqnet.batch import Batch
from seqnet.state import State, leaves

NO_NUMBER = "what the batch holds is not finite itself"


def holds_numbers(window: Batch) -> bool:
    """Whether what a model reads of a window is finite."""
    return _finite(window.inputs) and _finite(window.source)


def culprit(model: nn.Module, window: Batch, state: State, *more: Any) -> str:
    """Where the forward pass over a window first meets a value that is not finite, in words; it is run again.

    more: what else the model was told.
    """
    if not holds_numbers(window):
        return NO_NUMBER
    if not _finite(leaves(state)):
        return "the carried state is not finite"
    found: list[str] = []

    def look(name: str) -> Any:
        def hook(module: nn.Module, given: Any, made: Any) -> None:
            if not found and not _finite(made):
                found.append(name)

        return hook

    hooks = [module.register_forward_hook(look(name)) for name, module in model.named_modules() if name]
    try:
        with torch.no_grad():
            output = model(window, state, *more)
            output.logits()
    finally:
        for handle in hooks:
            handle.remove()
    if not found:
        return "first seen in the loss" if _finite(output.features) else "first seen in the model's output"
    return f"first seen in the output of module {found[0]}"


def worst_gradient(model: nn.Module) -> str:
    """The module nearest to the loss among those with a gradient that is not finite, in words."""
    bad = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    if not bad:
        return "the norm of all gradients is too large"
    module, _, parameter = bad[-1].rpartition(".")
    return f"first seen in the gradient of {parameter} of module {module or 'the model'}"


def _finite(value: Any) -> bool:
    """Whether every floating-point tensor in a value, a tuple or list of them is finite."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(value.isfinite().all())
    return not isinstance(value, (tuple, list)) or all(map(_finite, value))
