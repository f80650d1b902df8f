"""What a training loop's steps would move the weights by."""

from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Batch
from seqnet.build import Assembly
from seqnet.checks.subject import Few
from seqnet.training.limits import Limits
from seqnet.training.pieces import Loader
from seqnet.training.precision import Precision
from seqnet.training.schedule import Constant
from seqnet.training.trainer import Trainer


class Recorded(torch.optim.Optimizer):
    """An optimiser that moves nothing: it keeps the gradients of each step."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 1.0})
        self.steps: list[list[Tensor]] = []

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Keep them."""
        weights = [weight for group in self.param_groups for weight in group["params"]]
        self.steps.append([torch.zeros_like(one) if one.grad is None else one.grad.clone() for one in weights])


def recorded(
    parts: Assembly, batches: list[Batch], window: int | None, stride: int | None, accumulate: int, steps: int
) -> list[list[Tensor]]:
    """The gradients of each of so many steps of the loop, at least one."""
    loader: Loader = Few(batches)
    optimizer = Recorded([weight for weight in parts.model.parameters() if weight.requires_grad])
    trainer = Trainer(
        parts.model,
        parts.task,
        loader,
        optimizer,
        Constant(),
        Precision("fp32", torch.device("cpu")),
        Limits(max_steps=steps, max_epochs=1),
        window=window,
        stride=stride,
        accumulate=accumulate,
    )
    for _ in trainer.steps():
        pass
    return optimizer.steps


def weighed(parts: Assembly, batch: Batch) -> float:
    """What the loop divides a summed loss by: how many items are asked, as they are weighed."""
    return float(getattr(parts.task, "training_count", parts.task.count)(batch))
