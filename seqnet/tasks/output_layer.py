"""From features to losses: at once where there are few logits, else some rows at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqnet.attention.mixture import unpacked
from seqnet.linear import crossed, is_plain, linear

LARGEST = 3 * 2**22
"""Logits that exist at a time: 48 MiB of them. What is larger than 32 MiB glibc gives back as soon as it is freed; of
smaller chunks it keeps several times as much, and they are no faster."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""Of logits [n out] and targets [n ...]: [n], or their sum."""

MixedLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of logits [n positions out], the log-probability of each position [n positions] and targets [n]: [n]."""


def pieces(out_features: int, *items: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Tensors of n items each, so many items at a time that they have at most LARGEST logits.

    The first are features [n hidden], or of a mixture [n positions hidden+1].
    """
    out_features *= prod(items[0].shape[1:-1])
    if len(items[0]) * out_features <= LARGEST:
        return iter([items])
    rows = _rows(out_features)
    return zip(*(tensor.split(rows) for tensor in items), strict=True)


def loss_of(loss: Loss, head: Callable[[Tensor], Tensor], features: Tensor, targets: Tensor) -> Tensor:
    """The summed loss of n items. loss: gives a sum.

    A head with `losses(features, targets)`, its own way there, goes it.
    """
    if is_plain(head):
        if len(features) * head.out_features > LARGEST:
            return _chunked(loss, head, features, targets)[0]
    elif hasattr(head, "losses"):
        own: Tensor = head.losses(features, targets).sum()
        return own
    return loss(head(features), targets)


def losses_of(
    losses: Loss, head: Callable[[Tensor], Tensor], features: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """The same where `losses` gives one an item; and these, [n], which have no gradient."""
    if is_plain(head) and len(features) * head.out_features > LARGEST:
        return _chunked(losses, head, features, targets)
    own = getattr(head, "losses", None)
    each: Tensor = losses(head(features), targets) if own is None else own(features, targets)
    return each.sum(), each.detach()


def mixed_loss_of(losses: MixedLoss, head: nn.Linear, features: Tensor, targets: Tensor) -> Tensor:
    """The summed loss of n items, each answered at several positions. features: `packed`, [n positions hidden+1]."""
    vectors, logs = unpacked(features)
    if logs.numel() * head.out_features > LARGEST:
        return _chunked(losses, head, vectors, targets, logs)[0]
    return losses(linear(vectors, head.weight, head.bias), logs, targets).sum()


def _rows(out_features: int) -> int:
    return max(1, LARGEST // out_features)


def _chunked(
    loss: Loss | MixedLoss, head: nn.Linear, features: Tensor, targets: Tensor, logs: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    apply: Callable[..., tuple[Tensor, Tensor]] = _Chunked.apply
    return apply(features, head.weight, head.bias, logs, targets, loss)


class _Chunked(torch.autograd.Function):
    """A linear layer and the loss of its logits.

    The gradient of the sum is made in the forward pass, chunk by chunk, and scaled in the backward pass: nothing is
    computed twice, and no logits are kept (Hsu et al. 2024, Liger Kernel).
    """

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        logs: Tensor | None,
        targets: Tensor,
        loss: Loss | MixedLoss,
    ) -> tuple[Tensor, Tensor]:
        needed = [weight, bias, features, logs]
        asked = ctx.needs_input_grad
        made = [
            torch.zeros_like(tensor) if tensor is not None and wanted else None
            for tensor, wanted in zip(needed, (*asked[1:3], asked[0], asked[3]), strict=True)
        ]
        rows, found = _rows(len(weight) * prod(features.shape[1:-1])), []
        for begin in range(0, len(features), rows):
            here = slice(begin, begin + rows)
            x = features[here]
            given = [linear(x, weight, bias), *([] if logs is None else [logs[here].detach()])]
            with torch.enable_grad():
                losses = loss(*(each.requires_grad_(any(asked)) for each in given), targets[here])  # type: ignore[call-arg]
                total = losses.sum()
            found.append(losses.detach())
            if total.requires_grad:
                gradient, *of_logs = torch.autograd.grad(total, given)
                _add(made, gradient, x, weight, here)
                if made[3] is not None:
                    made[3][here] = of_logs[0]
        ctx.made = made
        each = torch.cat(found) if found[0].dim() else torch.stack(found)
        ctx.mark_non_differentiable(each)
        return each.sum(), each

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        made, ctx.made = ctx.made, None  # scaled in place: there is no second backward pass
        weight, bias, features, logs = (None if one is None else one.mul_(scale) for one in made)
        return features, weight, bias, logs, None, None


def _add(made: list[Tensor | None], gradient: Tensor, x: Tensor, weight: Tensor, here: slice) -> None:
    """Add what a chunk's gradient [rows ... out] says of weight, bias and features, in the type that it has."""
    of_weight, of_bias, of_features, _ = made
    rows = gradient.flatten(0, -2)
    if of_weight is not None:
        of_weight += crossed(rows, x.flatten(0, -2).to(rows.dtype))
    if of_bias is not None:
        of_bias += rows.sum(0)
    if of_features is not None:
        of_features[here] = linear(gradient, weight.to(gradient.dtype).t())
