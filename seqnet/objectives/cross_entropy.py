"""Cross-entropy with fewer passes over the logits than torch makes, where there is a compiler; else torch's."""

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqnet.compiling import Library, compiled

FEW = 256  # classes up to which a call takes longer than what it saves, and as many thousands of logits


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """-log p of each target in nats, [n]. logits: [n classes]; targets: [n] int64, below 0 where nothing is asked: 0.

    smoothing: the share of the target spread evenly over all classes (Szegedy et al. 2016, section 7). It is
    F.cross_entropy but for rounding. Raises IndexError for a target beyond the classes.
    """
    many = logits.shape[-1] > FEW and logits.numel() > 1000 * FEW
    ours = many and logits.is_cpu and logits.dtype == torch.float32 and _library() is not None
    if not ours or torch.compiler.is_exporting():
        return F.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    found: Tensor = _CrossEntropy.apply(logits, targets, smoothing)  # type: ignore[no-untyped-call]
    return found


class _CrossEntropy(torch.autograd.Function):
    """`cross_entropy` by the compiled functions."""

    @staticmethod
    def forward(ctx, logits, targets, smoothing):  # type: ignore[no-untyped-def]
        """logits: [n classes]; targets: [n]."""
        logits, targets = logits.contiguous(), targets.contiguous()
        rows, classes = logits.shape
        if rows and int(targets.max()) >= classes:
            raise IndexError(f"target {int(targets.max())} is out of bounds: there are {classes} classes")
        losses, logs = logits.new_empty(rows), logits.new_empty(rows)
        of = (torch.get_num_threads(), rows, classes, logits.data_ptr(), targets.data_ptr())
        _library().cross_entropy_forward(*of, smoothing, losses.data_ptr(), logs.data_ptr())  # type: ignore[union-attr]
        ctx.save_for_backward(logits, targets, logs)
        ctx.smoothing = smoothing
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx, d_losses):  # type: ignore[no-untyped-def]
        """The gradient of the logits."""
        logits, targets, logs = ctx.saved_tensors
        d_losses, found = d_losses.contiguous(), torch.empty_like(logits)
        of = (torch.get_num_threads(), *logits.shape, logits.data_ptr(), targets.data_ptr(), logs.data_ptr())
        library = _library()
        library.cross_entropy_backward(*of, d_losses.data_ptr(), ctx.smoothing, found.data_ptr())  # type: ignore[union-attr]
        return found, None, None


@cache
def _library() -> Library | None:
    here = Path(__file__)
    return compiled(
        "cross_entropy",
        [here.with_suffix(".c"), here.parents[1] / "cells" / "nonlinear.h"],
        {
            "cross_entropy_forward": "size size size array array float array array".split(),
            "cross_entropy_backward": "size size size array array array array float array".split(),
        },
    )
