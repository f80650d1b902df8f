"""Which floating-point format the forward pass computes in."""

from contextlib import AbstractContextManager, nullcontext

import torch

from seqnet.batch import Batch

FORMATS = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """fp32, or bf16 / fp16 under autocast; fp16 scales the loss so that small gradients survive.

    tf32: fp32, but a GPU's matrix products, and cuDNN's recurrences and convolutions, round what they multiply to 10
    bits; elsewhere it is fp32. That is a setting of torch for the whole process, which by itself has cuDNN round.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
            torch.backends.cudnn.allow_tf32 = name == "tf32"
        self.format = FORMATS.get(name)
        self.device = device
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which forward and loss run."""
        if self.format is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.format)

    def moved(self, batch: Batch) -> Batch:
        """The batch on its way to the device: nothing waits until it is there."""
        return batch.to(self.device)
