"""A model's recurrent layers, caught at work."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqnet.batch import Batch
from seqnet.layers.bidirectional import Bidirectional
from seqnet.layers.layer import Layer
from seqnet.state import State


class Caught(NamedTuple):
    """A layer and what it was first given."""

    name: str
    layer: Any
    x: Tensor  # [batch time feature]
    state: State
    lengths: Tensor | None


def at_work(model: nn.Module, batch: Batch) -> list[Caught]:
    """Every layer of a model that runs when it reads a batch."""
    found: dict[str, Caught] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, Layer | Bidirectional):

            def catch(layer: Any, given: tuple[Any, ...], name: str = name) -> None:
                x, state, lengths = (*given, None, None)[:3]
                found.setdefault(name, Caught(name, layer, x.detach(), state, lengths))

            hooks.append(module.register_forward_pre_hook(catch))
    try:
        with torch.no_grad():
            model(batch, None)
    finally:
        for hook in hooks:
            hook.remove()
    return list(found.values())
