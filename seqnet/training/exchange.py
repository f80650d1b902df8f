"""What ranks send each other at every step: one message that makes all gradients the sums, and all of one mind.

torch's own wrapper of a model expects that each rank has a loss, and each parameter a gradient of it, at every
backward pass. Here a rank may have no rows, or nothing to be judged in them, and a step several windows.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from seqnet.training.ranks import Ranks
from seqnet.training.shared import SharedSum, shared


class Exchange:
    """What this rank sends and hears. stopping: the code that this one is asked to stop with; 0 = it is not."""

    def __init__(self, ranks: Ranks, parameters: Sequence[nn.Parameter], stopping: Callable[[], int]) -> None:
        self.ranks = ranks
        self._parameters = parameters
        self._stopping = stopping
        self._agreed = 0

    @property
    def stopped(self) -> int:
        """What to stop with, the same on all ranks; 0 = go on."""
        return self._stopping() if self.ranks.count == 1 else self._agreed

    def add(self, numbers: list[Tensor], seconds: float) -> list[Tensor]:
        """Make each gradient and each of `numbers` the sum over the ranks; these, and after them what `hear` reads.

        Where no rank has a gradient there are zeros until `hear`. seconds: the time that has passed, by this clock.
        """
        ranks, parameters = self.ranks, self._parameters
        if ranks.count == 1:
            return numbers
        stacked = torch.stack(numbers)
        own = [0.0 if parameter.grad is None else 1.0 for parameter in parameters]
        codes = [0.0] * ranks.count
        codes[ranks.rank] = float(self._stopping())
        own += [seconds if ranks.first else 0.0, *codes]
        message = torch.cat([stacked, stacked.new_tensor(own)])
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
        sums, told = self._sum(gradients, message)
        for parameter, gradient in zip(parameters, sums, strict=True):
            parameter.grad = gradient
        return [told]

    @cached_property
    def _sum(self) -> Callable[[Sequence[Tensor], Tensor], tuple[Sequence[Tensor], Tensor]]:
        """Gives the sums over the ranks of tensors, and of a message. To be first asked for by all of them."""
        every = torch.cat([one.detach().flatten()[:0] for one in self._parameters])
        size = sum(one.numel() for one in self._parameters)
        memory = shared(self.ranks, size, every.dtype) if every.device.type == "cpu" else None
        return self._sent if memory is None else SharedSum(self.ranks, memory)

    def _sent(self, tensors: Sequence[Tensor], message: Tensor) -> tuple[Sequence[Tensor], Tensor]:
        flat = self.ranks.add(torch.cat([*(one.flatten() for one in tensors), message]))
        *parts, told = flat.split([*(one.numel() for one in tensors), len(message)])
        return [part.view_as(one).to(one.dtype) for one, part in zip(tensors, parts, strict=True)], told

    def hear(self, told: Sequence[float], seconds: float) -> float:
        """The seconds of the first rank. told: what follows the numbers that `add` gave; seconds: as it was given."""
        if self.ranks.count == 1:
            return seconds
        owners, (passed, *codes) = told[: len(self._parameters)], told[len(self._parameters) :]
        for parameter, ranks in zip(self._parameters, owners, strict=True):
            if not ranks:
                parameter.grad = None
        self._agreed = next((int(code) for code in codes if code), self._agreed)  # the first rank's that is asked
        return passed
