"""Which format a forward pass computes in, and that small gradients survive fp16."""

import pytest
import torch
from torch import nn

from seqnet.batch import IGNORE, Batch
from seqnet.training.precision import Precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_products_are_made_in_the_format(name: str, dtype: torch.dtype) -> None:
    precision, layer = Precision(name, CPU), nn.Linear(4, 4)
    with precision.autocast():
        y = layer(torch.ones(2, 4))
    assert y.dtype == dtype
    assert layer.weight.dtype == torch.float32
    assert layer(torch.ones(2, 4)).dtype == torch.float32


@pytest.mark.parametrize("name", ["fp32", "tf32", "bf16", "fp16"])
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


@pytest.mark.parametrize(("name", "told"), [("tf32", "high"), ("fp32", "highest"), ("bf16", "highest")])
def test_a_gpu_is_told_whether_products_may_be_rounded(name: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", heard.append)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not (name == "tf32"))
    Precision(name, CPU)
    assert not heard and torch.backends.cudnn.allow_tf32 == (name != "tf32")
    Precision(name, torch.device("cuda"))
    assert heard == [told]
    assert torch.backends.cudnn.allow_tf32 == (name == "tf32")  # which torch allows where nothing is said


def test_batches_leave_for_a_gpu_from_memory_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[torch.Tensor] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        assert tensor.is_contiguous()
        pinned.append(tensor)
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda name: None)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    whole = Batch(torch.arange(12).view(2, 6), torch.tensor([6, 4]), torch.arange(12).view(2, 6))
    window = next(whole.windows(4))
    assert Precision("fp32", CPU).moved(window) is window and not pinned
    sent: list[tuple[torch.device, bool]] = []

    def to(tensor: torch.Tensor, device: torch.device, non_blocking: bool) -> torch.Tensor:
        sent.append((device, non_blocking))
        return tensor.clone()

    monkeypatch.setattr(torch.Tensor, "to", to)
    cuda = torch.device("cuda")
    there = Precision("fp32", cuda).moved(window)
    assert len(pinned) == 3 and sent == [(cuda, True)] * 3  # inputs, lengths, targets
    assert torch.equal(there.inputs, window.inputs) and there.inputs.is_contiguous()
    known = ("full", "dense", "target_index")
    assert {name: vars(there)[name] for name in known} == {name: getattr(window, name) for name in known}
    targets = torch.tensor([[1, IGNORE, 3], [4, 5, 6]])
    there = Precision("fp32", cuda).moved(Batch(targets, torch.tensor([3, 3]), targets))
    assert vars(there)["target_index"].tolist() == [0, 2, 3, 4, 5] and len(pinned) == len(sent) == 7
