"""Which format a forward pass computes in, and that small gradients survive fp16."""

import pytest
import torch
from torch import nn

from seqnet.training.precision import Precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_products_are_made_in_the_format(name: str, dtype: torch.dtype) -> None:
    precision, layer = Precision(name, CPU), nn.Linear(4, 4)
    with precision.autocast():
        y = layer(torch.ones(2, 4))
    assert y.dtype == dtype
    assert layer.weight.dtype == torch.float32
    assert layer(torch.ones(2, 4)).dtype == torch.float32


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_only_fp16_scales_the_loss_and_the_step_is_the_same(name: str) -> None:
    precision = Precision(name, CPU)
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    loss = (weight * 0.25).sum()
    precision.scaler.scale(loss).backward()
    assert weight.grad is not None
    assert weight.grad.item() == 0.25 * (2**16 if name == "fp16" else 1)
    precision.scaler.unscale_(optimizer)
    assert weight.grad.item() == 0.25
    precision.scaler.step(optimizer)
    precision.scaler.update()
    assert weight.item() == 1 - 0.5 * 0.25


def test_a_gradient_that_overflows_is_left_out_and_the_scale_falls() -> None:
    precision = Precision("fp16", CPU)
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    precision.scaler.scale(weight.sum()).backward()
    assert weight.grad is not None
    weight.grad.fill_(torch.inf)
    precision.scaler.unscale_(optimizer)
    precision.scaler.step(optimizer)
    precision.scaler.update()
    assert weight.item() == 1
    assert precision.scaler.get_scale() == 2**15
