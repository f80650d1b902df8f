"""Weights that follow what was just read: dynamic evaluation (Krause et al. 2018, Dynamic Evaluation of Neural Sequence
Models).

After each window, which has been scored by then, the weights take a step down the gradient g of its mean loss, and a
step back to the trained weights w:

    sgd   v <- v - lr * g                + decay * (w - v)
    rms   v <- v - lr * g / (r + mean r) + decay * r / mean r * (w - v)

r is the root mean square of each weight's gradient over windows of the training set, so that weights which training
moved little move little still, and the share that a weight goes back is at most 1.
"""

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from seqnet.batch import Batch, Output
from seqnet.state import State
from seqnet.training.constraints import constrained
from seqnet.training.evaluation import evaluating, outputs
from seqnet.training.pieces import Loader
from seqnet.training.precision import Precision
from seqnet.training.trainer import Task

WINDOWS = 100
"""Of the training set, that tell how large gradients are."""


class Adaptation:
    """Takes the steps, of the weights of `model` themselves, which is in evaluation.

    scales: r of each weight that learns, see `gradient_scales`; None = the rule is sgd.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        precision: Precision,
        lr: float,
        decay: float = 0.0,
        scales: Sequence[Tensor] | None = None,
    ) -> None:
        self._model, self._task, self._precision = model, task, precision
        self._weights = learning(model)
        self._constrained = constrained(model)
        self._trained = [weight.detach().clone() for weight in self._weights]
        if scales is None:
            self._rates: list[Tensor | float] = [lr] * len(self._weights)
            self._back: list[Tensor | float] = [decay] * len(self._weights)
        else:
            mean = torch.cat([scale.flatten() for scale in scales]).mean().clamp(min=torch.finfo(torch.float32).tiny)
            self._rates = [lr / (scale + mean) for scale in scales]
            self._back = [(decay * scale / mean).clamp(max=1) for scale in scales]

    def __call__(self, window: Batch, state: State) -> None:
        """Learn of a window that has been scored. state: what it begins with."""
        if not self._task.count(window):
            return
        with torch.enable_grad():
            with self._precision.autocast():
                output = self._model(window, state)
            gradients = gradients_of(self._task, output, window, self._weights)
        with torch.no_grad():
            for weight, trained, rate, back, gradient in zip(
                self._weights, self._trained, self._rates, self._back, gradients, strict=True
            ):
                weight.add_(back * (trained - weight) - rate * gradient)
            for module in self._constrained:
                module.constrain()


def gradient_scales(
    model: nn.Module, task: Task, loader: Loader, precision: Precision, window: int | None
) -> list[Tensor]:
    """The root mean square of each weight's gradient over the first windows of a split. The model stays as it is."""
    weights = learning(model)
    squares, count = [torch.zeros_like(weight) for weight in weights], 0
    with evaluating(model), torch.inference_mode(False), torch.enable_grad():
        for output, read, _ in islice(outputs(model, loader, precision, window), WINDOWS):
            if task.count(read):
                count += 1
                for square, gradient in zip(squares, gradients_of(task, output, read, weights), strict=True):
                    square += gradient.square()
    return [(square / max(1, count)).sqrt() for square in squares]


def learning(model: nn.Module) -> list[nn.Parameter]:
    """The weights that learn."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def gradients_of(task: Task, output: Output, window: Batch, weights: Sequence[nn.Parameter]) -> list[Tensor]:
    """Of the mean loss of what a window asks, 0 of a weight that it does not depend on."""
    loss = task.loss(output, window) / task.count(window)
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return [torch.zeros_like(weight) if one is None else one for weight, one in zip(weights, found, strict=True)]
