"""Dropout by counters beside torch's from a generator."""

import time
from collections.abc import Callable
from unittest import mock

import torch
import torch.nn.functional as F
from benchmarks.timing import Pair, pair
from torch import Tensor

from seqnet import draws

USUAL, STEP = (32, 100, 512), (64, 1, 128)
TRIED = (("compiled", 1, USUAL), ("compiled", 2, USUAL), ("compiled", 1, STEP), ("operators", 1, USUAL))


def dropout() -> list[Pair]:
    """Forward and backward: with one thread and with two, of one step, and by torch's operators where C is not."""
    before, found = torch.get_num_threads(), []
    try:
        for way, threads, shape in TRIED:
            torch.set_num_threads(threads)
            compiled = draws._library() if way == "compiled" else None
            clock = time.process_time if threads == 1 else time.perf_counter
            with mock.patch.object(draws, "_library", lambda library=compiled: library):
                ours = both(shape, lambda x: draws.dropout(x, 0.3, True))
                theirs = both(shape, lambda x: F.dropout(x, 0.3, True))
                with draws.drawing((1, 0, 0, 0)):
                    found.append(pair(f"dropout {way} {list(shape)}", ours, theirs, seconds=12, clock=clock))
    finally:
        torch.set_num_threads(before)
    return found


def both(shape: tuple[int, ...], drop: Callable[[Tensor], Tensor], device: str = "cpu") -> Callable[[], None]:
    """Forward and backward."""
    x, gradient = torch.randn(shape, device=device, requires_grad=True), torch.randn(shape, device=device)

    def step() -> None:
        torch.autograd.grad(drop(x), x, gradient)

    return step
