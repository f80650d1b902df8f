"""The hidden states of a model's recurrent layers after each step of what it reads."""

from typing import Any

import torch
from torch import Tensor, nn

from seqnet.batch import Batch
from seqnet.build import Assembly
from seqnet.errors import ConfigurationError
from seqnet.layers.stack import Stack
from seqnet.training.evaluation import evaluating
from seqnet.training.precision import Precision


def layer_of(model: nn.Module, number: int) -> nn.Module:
    """One of the recurrent layers that read, from the bottom (0, 1, ...) or from the top (-1, -2, ...).

    Of a model that reads a source they are those of its encoder. Raises ConfigurationError where there is none.
    """
    encoder = getattr(model, "encoder", None)
    stack = getattr(model if encoder is None else encoder, "layers", None)
    if not isinstance(stack, Stack):
        raise ConfigurationError(
            f"{type(model).__name__} reads its inputs without recurrent layers, so there are no states to see"
        )
    count = len(stack.layers)
    if not -count <= number < count:
        raise ConfigurationError(f"layer={number}: this model has {count}; choose one from 0 to {count - 1}, or -1")
    return stack.layers[number]


def hidden_states(assembly: Assembly, precision: Precision, batch: Batch, layer: int) -> list[Tensor]:
    """Of each row the hidden state after each of its own steps, [time size] on the CPU; of two directions both.

    A model that shortens what it reads has fewer steps. Raises ConfigurationError as `layer_of` does.
    """
    model: Any = assembly.model
    found: list[tuple[Tensor, Tensor | None]] = []

    def keep(module: nn.Module, given: tuple[Any, ...], outcome: tuple[Tensor, Any]) -> None:
        found.append((outcome[0], given[2]))

    hook = layer_of(model, layer).register_forward_hook(keep)
    try:
        with evaluating(model), precision.autocast():
            moved = batch.to(precision.device)
            if getattr(model, "encoder", None) is None:
                model(moved, None)
            else:
                model.begin(moved)
    finally:
        hook.remove()
    states, lengths = found[0]
    steps = [states.shape[1]] * len(states) if lengths is None else lengths.tolist()
    return [row[:time].float().cpu() for row, time in zip(torch.unbind(states), steps, strict=True)]
